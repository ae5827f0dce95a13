//! Any text in an event is one visible line of the log.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| engine::fuzz::log_line(input));
