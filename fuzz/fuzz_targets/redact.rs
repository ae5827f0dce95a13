//! Passwords stay masked whatever stands around them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| engine::fuzz::redact(input));
