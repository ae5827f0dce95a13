//! A web configuration is parsed without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _result = engine::fuzz::parse_web_config(text);
});
