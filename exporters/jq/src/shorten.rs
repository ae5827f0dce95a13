//! Texts of a length that a label may have.

/// The longest text that becomes the value of a label.
const MAX_CHARACTERS: usize = 300;

/// The text on one line, cut to the length of a label.
pub fn shorten(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_long_text_between_characters() {
        assert_eq!(shorten(&"ü".repeat(301)), "ü".repeat(300) + "…");
        assert_eq!(shorten(" a\n  b "), "a b");
    }
}
