//! A label's value can be read back from the exposition format.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let encoded = engine::fuzz::encode_label(value);
    let escaped = encoded.strip_prefix("{label=\"").and_then(|rest| rest.strip_suffix("\"}"));
    assert_eq!(escaped.and_then(unescaped).as_deref(), Some(value), "{encoded}");
});

/// What a scraper reads, or none where the value would end early.
fn unescaped(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            },
            '"' | '\n' => return None,
            plain => plain,
        });
    }
    Some(out)
}
