//! A plan has a bounded shape, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| plan_shape::fuzz::plan(input));
