//! Passwords stay masked whatever stands around them.
#![no_main]

use libfuzzer_sys::fuzz_target;

const SECRET: &str = "Xk9Secret7q";

fuzz_target!(|around: (&str, &str)| {
    let (before, after) = around;
    engine::fuzz::mask_secrets(before);
    engine::fuzz::mask_statement(before);
    if before.contains(SECRET) || after.contains(SECRET) {
        return;
    }
    // The word before a URL or a key is its own: anything may precede it after a space.
    for text in
        [format!("{before} password={SECRET} {after}"), format!("{before} postgres://monitor:{SECRET}@db1/{after}")]
    {
        let masked = engine::fuzz::mask_secrets(&text);
        assert!(!masked.contains(SECRET), "{text:?} became {masked:?}");
    }
});
