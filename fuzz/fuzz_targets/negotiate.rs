//! Any Accept and Accept-Encoding header gets one of the two formats.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|headers: (&str, &str)| {
    let (content_type, _) = engine::fuzz::negotiate(headers.0, headers.1);
    assert!(content_type.starts_with("text/plain") || content_type.starts_with("application/openmetrics-text"));
});
