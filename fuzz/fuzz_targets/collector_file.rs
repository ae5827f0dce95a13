//! A collector file loads, or each of its errors names the file and a line of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(errors) = engine::fuzz::load_collectors(text) {
        assert!(errors.starts_with("fuzz.yml:"), "no position: {errors}");
    }
});
