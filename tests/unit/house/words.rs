//! Words that no user reads in this project: those of `tests/lint/forbidden_words.txt`, with what to write instead.

use super::tokens::{Kind, tokens};

/// Phrases of one section and their replacements.
pub struct Words(Vec<(Vec<char>, String)>);

impl Words {
    /// Reads the list: `phrase → replacement` or, with a tab for the arrow, one a line below the section's `[name]`.
    pub fn read(list: &str, section: &str) -> Self {
        let mut current = "";
        let mut phrases = Vec::new();
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                current = name;
            } else if let Some((phrase, replacement)) = line.split_once(" → ").or_else(|| line.split_once('\t'))
                && current == section
            {
                phrases.push((phrase.to_lowercase().chars().collect(), replacement.to_owned()));
            }
        }
        assert!(!phrases.is_empty(), "no phrase in section [{section}]");
        Self(phrases)
    }

    /// The failures of a text that begins at this line of the file.
    pub fn find(&self, file: &str, first_line: usize, text: &str) -> Vec<String> {
        let text: Vec<char> = text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
        let mut line = first_line;
        let mut found = Vec::new();
        for at in 0..text.len() {
            line += usize::from(at > 0 && text[at - 1] == '\n');
            if at > 0 && is_in_word(text[at - 1]) {
                continue;
            }
            for (phrase, replacement) in &self.0 {
                if stands_at(&text[at..], phrase) {
                    let phrase: String = phrase.iter().collect();
                    found.push(format!("{file}:{line}: \"{phrase}\": write {replacement}"));
                }
            }
        }
        found
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// Whether the text begins with the phrase as whole words; a blank of the phrase is any blanks of the text.
fn stands_at(text: &[char], phrase: &[char]) -> bool {
    let mut rest = text;
    for wanted in phrase {
        let blanks = rest.iter().take_while(|c| c.is_whitespace()).count();
        match rest.first() {
            Some(_) if *wanted == ' ' && blanks > 0 => rest = &rest[blanks..],
            Some(first) if first == wanted => rest = &rest[1..],
            _ => return false,
        }
    }
    !rest.first().is_some_and(|next| is_in_word(*next))
}

/// The texts of a Rust file that its users may read: string literals, and with clap's attributes doc comments.
pub fn rust_texts(source: &str) -> Vec<(usize, String)> {
    let tokens = tokens(source);
    let is_help = source.contains("#[arg(") || source.contains("#[command(");
    let is_read = |kind| kind == Kind::Text || (is_help && kind == Kind::Doc);
    let joined = |text: &str| text.split("\\\n").map(str::trim_start).collect();
    tokens.iter().filter(|token| is_read(token.kind)).map(|token| (token.line, joined(&token.text))).collect()
}

/// The texts of a collector or rule file that its users may read, folded ones in one piece.
pub fn collector_texts(yaml: &str) -> Vec<(usize, String)> {
    const KEYS: [&str; 5] = ["desc:", "description:", "reason:", "summary:", "why:"];
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut texts = Vec::new();
    let mut lines = yaml.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let Some((key, text)) = KEYS.iter().find_map(|key| line.split_once(key)) else { continue };
        let mut text = text.trim().trim_start_matches(['>', '|', '-']).trim_start().to_owned();
        while let Some((_, next)) = lines.next_if(|(_, next)| indent(next) > indent(key)) {
            text = format!("{text} {}", next.trim());
        }
        texts.push((at + 1, text));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# Words\n[everywhere]\nsaid no → skipped the query\nmend\tfix\n[headings]\nbusy → active\n";

    #[test]
    fn finds_whole_words_in_any_case_and_over_the_end_of_a_line() {
        let words = Words::read(LIST, "everywhere");
        let found = words.find("a.md", 3, "It Said\n  no. Mend it.");
        assert_eq!(found, ["a.md:3: \"said no\": write skipped the query", "a.md:4: \"mend\": write fix"]);
        for text in ["said nothing", "amend", "mend-able", "mended", "busy"] {
            assert_eq!(words.find("a.md", 1, text), [""; 0], "{text}");
        }
        assert_eq!(Words::read(LIST, "headings").find("a", 1, "busy").len(), 1);
    }

    #[test]
    fn takes_from_a_file_what_its_users_read() {
        let source = "//! a\n/// b\nfn c() { log!(\"d\"); } // e\n";
        assert_eq!(rust_texts(source), [(3, "d".to_owned())]);
        let help = format!("#[command(x)]\n{source}");
        assert_eq!(rust_texts(&help).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4]);
        let yaml = "x:\n  desc: A text\n  query: SELECT 1\n    - a: { usage: GAUGE, description: B }\n    - c:\n        description: >-\n          one\n          two\n        usage: GAUGE\n";
        assert_eq!(
            collector_texts(yaml),
            [(2, "A text".to_owned()), (4, "B }".to_owned()), (6, " one two".to_owned())]
        );
    }
}
