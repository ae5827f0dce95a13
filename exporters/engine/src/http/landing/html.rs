//! Text that came from elsewhere, made harmless.

use std::fmt;

/// Text of a server, a file or a flag, as HTML: in an element or in a quoted attribute.
pub(super) fn text(text: &str) -> Text<'_> {
    Text(text)
}

/// Shows as the text it was made of.
pub(super) struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // They would turn round, hide or join what stands beside them.
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
                    f.write_str("\u{fffd}")?;
                }
                other if other.is_control() && other != '\n' => f.write_str("\u{fffd}")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup_or_moves_other_text() {
        assert_eq!(text("<i a=\"b\" c='d'>&amp;").to_string(), "&lt;i a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;amp;");
        assert_eq!(text("a\u{202e}b\u{0}c\u{1b}\nÄ😀").to_string(), "a\u{fffd}b\u{fffd}c\u{fffd}\nÄ😀");
    }
}
