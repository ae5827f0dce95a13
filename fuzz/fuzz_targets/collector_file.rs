//! A collector file loads, or each of its errors names the file and a line of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| engine::fuzz::collector_file(input));
