//! A web configuration is parsed, or its error has a position.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| engine::fuzz::web_config(input));
