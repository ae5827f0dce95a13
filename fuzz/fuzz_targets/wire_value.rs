//! Any bytes that a server sends as a value are read.
#![no_main]
#![allow(dead_code, reason = "only what reads values is taken of the program")]

use libfuzzer_sys::fuzz_target;

#[path = "../../exporters/pg-exporter/src/decode.rs"]
mod decode;
#[path = "../../exporters/pg-exporter/src/fuzz.rs"]
mod fuzz;

fuzz_target!(|input: &[u8]| fuzz::wire_value(input));
