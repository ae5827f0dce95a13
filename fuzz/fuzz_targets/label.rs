//! A label is read back by a parser of the exposition formats.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| engine::fuzz::label(input));
