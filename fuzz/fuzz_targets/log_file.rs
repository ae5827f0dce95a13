//! Any bytes of a log are decoded to the same events, whole and in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| logs::fuzz::log_file(input));
