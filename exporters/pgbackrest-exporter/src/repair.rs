//! Repairs JSON that pgBackRest prints although it is invalid, and numbers that no float can hold.

use std::borrow::Cow;

/// The text with U+FFFD for each control character in a string and each half of a surrogate pair, and `null` for each
/// number beyond all floats. pgBackRest escapes none of them, for example in an error that quotes a file which was decrypted
/// with the wrong passphrase.
pub(crate) fn repair(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' => string(rest),
            '-' | '0'..='9' => number(rest),
            other => (Cow::Borrowed(&rest[..other.len_utf8()]), other.len_utf8()),
        };
        repaired.push_str(&token);
        rest = &rest[length..];
    }
    repaired
}

/// The string at the start of the text, repaired, and its length before.
fn string(text: &str) -> (Cow<'_, str>, usize) {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    });
    let length = end.map_or(text.len(), |(at, _)| at + 1);
    let token = &text[..length];
    if !token.contains(|c: char| c < ' ') && !token.contains("\\u") {
        return (Cow::Borrowed(token), length);
    }
    let printable = token.replace(|c: char| c < ' ', "\u{fffd}");
    let is_valid = serde_json::from_str::<String>(&printable).is_ok();
    (Cow::Owned(if is_valid { printable } else { without_surrogates(&printable) }), length)
}

/// Without escapes of surrogates, since at least one of them has no other half.
fn without_surrogates(token: &str) -> String {
    let mut parts = token.split("\\u");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_surrogate = part
            .get(..2)
            .is_some_and(|high| matches!(high.to_ascii_lowercase().as_bytes(), [b'd', b'8'..=b'9' | b'a'..=b'f']));
        kept.push_str(if is_surrogate { "\u{fffd}" } else { "\\u" });
        kept.push_str(if is_surrogate { part.get(4..).unwrap_or_default() } else { part });
    }
    kept
}

/// The number at the start of the text, or `null`, and its length.
fn number(text: &str) -> (Cow<'_, str>, usize) {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = text.bytes().take_while(is_part).count();
    let is_infinite = text[..length].parse::<f64>().is_ok_and(f64::is_infinite);
    (Cow::Borrowed(if is_infinite { "null" } else { &text[..length] }), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_strings_and_numbers() {
        for (text, expected) in [
            ("{\"a\x01\":\n\t\"\x02\\\"\t\"}", "{\"a\u{fffd}\":\n\t\"\u{fffd}\\\"\u{fffd}\"}"),
            (r#"["\ud83d\ude00","\ud83d","x\udead.",true]"#, "[\"\\ud83d\\ude00\",\"\u{fffd}\",\"x\u{fffd}.\",true]"),
            ("[1e999,-1e999,1e9,18446744073709551615,-0.5]", "[null,null,1e9,18446744073709551615,-0.5]"),
            (r#"["\\","1e999"]"#, r#"["\\","1e999"]"#),
            ("[\"ü\", \"open", "[\"ü\", \"open"),
        ] {
            assert_eq!(repair(text), expected);
        }
        assert_eq!(repair(&format!("[{}]", "9".repeat(1000))), "[null]");
    }
}
