//! A service is found behind any others, and errors quote nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| pgclient::fuzz::service_file(input));
