//! A line of a password file is found behind any others.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| pgclient::fuzz::pgpass(input));
