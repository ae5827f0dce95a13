//! Text from elsewhere with its invisible characters escaped, for pages, the log and terminals.
//!
//! Anyone who may create a database chooses its name, which may contain line breaks that forge a line, escape sequences
//! that control a terminal, and characters that reorder or hide the text beside them.

use std::fmt::{self, Display, Write};

/// Displays the text with `\n`, `\t` or `\u{202e}` in place of each invisible character.
///
/// A backslash stays, so that a second application changes nothing.
pub(crate) struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_unprintable(character) {
                write!(f, "{}", character.escape_debug())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Whether a character controls, breaks, hides or reorders text: control characters, line and paragraph
/// separators, and those format characters of Unicode that no writing system needs (the joiners U+200C and U+200D, which
/// Persian, Hindi and emoji do need, are left).
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' // soft hyphen
                | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
                | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' // invisible
                | '\u{2028}' | '\u{2029}' // line and paragraph
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' // annotations and tags
        )
}

/// A page of text, line by line. Each line stays one line of visible text, whatever it is made of.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds a line.
    pub fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        writeln!(self.0, "{}", Printable(&line.to_string())).ok();
    }

    /// Adds each line of a text of several. Tabs stay, since the mark under a place in a file stands below them.
    pub fn lines(&mut self, text: &str) {
        for line in text.lines() {
            let parts: Vec<String> = line.split('\t').map(|part| Printable(part).to_string()).collect();
            self.0.push_str(&parts.join("\t"));
            self.0.push('\n');
        }
    }

    /// Adds lines below a title, if there are any.
    pub fn section(&mut self, title: &str, lines: impl IntoIterator<Item = String>) {
        for (at, line) in lines.into_iter().enumerate() {
            if at == 0 {
                self.line("");
                self.line(title);
            }
            self.line(line);
        }
    }

    /// All of it.
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_invisible_characters_once() {
        let name = "a\nb\r\tc\u{1b}[31m\u{0}\u{7f}\u{85}\u{9b}\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}\u{e0041}\u{ad}";
        let shown = r"a\nb\r\tc\u{1b}[31m\0\u{7f}\u{85}\u{9b}\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}\u{e0041}\u{ad}";
        assert_eq!(Printable(name).to_string(), shown);
        assert_eq!(Printable(shown).to_string(), shown);
    }

    #[test]
    fn keeps_names_of_every_writing_system() {
        for name in ["caf\u{e9}", "cafe\u{301}", "数据库", "डेटाबेस", "می\u{200c}خواهم", "👩\u{200d}💻", "'\"\\ ~"]
        {
            assert_eq!(Printable(name).to_string(), name);
        }
    }

    #[test]
    fn keeps_a_line_on_one_line() {
        let mut page = Lines::default();
        page.line(format_args!("## database {}", "x\n## database y"));
        page.lines("one\n\ttwo\u{1b}");
        assert_eq!(page.into_text(), "## database x\\n## database y\none\n\ttwo\\u{1b}\n");
    }
}
