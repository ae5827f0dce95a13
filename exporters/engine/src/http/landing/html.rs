//! Text that came from elsewhere, made harmless.

use std::fmt::{self, Write};

use crate::printable::Printable;

/// Text of a server, a file or a flag, as HTML: in an element or in a quoted attribute.
pub(super) fn text(text: &str) -> Text<'_> {
    Text(text)
}

/// Shows as the text it was made of.
pub(super) struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in Printable(self.0).to_string().chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
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
        assert_eq!(text("a\u{202e}b\u{0}c\u{1b}\nÄ😀").to_string(), r"a\u{202e}b\0c\u{1b}\nÄ😀");
    }
}
