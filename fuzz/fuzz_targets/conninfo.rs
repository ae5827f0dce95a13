//! A connection string is parsed, and what the log shows of it is a URL for the same target.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| pgclient::fuzz::conninfo(input));
