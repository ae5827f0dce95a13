//! Any Accept and Accept-Encoding header gets one of the two formats.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| engine::fuzz::negotiate(input));
