//! SQL as text: its tokens and its quoted names.

/// `name` as a quoted SQL identifier.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A word or a single character of SQL, outside comments and literals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub text: &'a str,
    pub start: usize,
}

impl Token<'_> {
    pub fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    pub fn is_name(&self) -> bool {
        self.text.starts_with(is_word_start)
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// The tokens of a text, without comments, literals and quoted names.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let length = if let Some(skipped) = skipped(rest) {
            skipped
        } else {
            let word = rest.find(|c: char| !(is_word_start(c) || c.is_ascii_digit() || c == '$')).unwrap_or(rest.len());
            let length = if is_word_start(c) { word } else { c.len_utf8() };
            if !c.is_whitespace() {
                tokens.push(Token { text: &rest[..length], start: at });
            }
            length
        };
        at += length;
    }
    tokens
}

/// The length of the comment, literal or quoted name that `rest` begins with.
fn skipped(rest: &str) -> Option<usize> {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len());
    match rest.as_bytes() {
        [b'-', b'-', ..] => Some(until("\n", 2)),
        [b'/', b'*', ..] => Some(until("*/", 2)),
        [quote @ (b'\'' | b'"'), ..] => Some(until(char::from(*quote).encode_utf8(&mut [0; 4]), 1)),
        [b'E' | b'e', b'\'', ..] => Some(escape_string(rest)),
        [b'$', ..] => {
            let tag = 1 + rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
            (rest.as_bytes().get(tag) == Some(&b'$') && !rest[1..].starts_with(|c: char| c.is_ascii_digit()))
                .then(|| until(&rest[..=tag], tag + 1))
        }
        _ => None,
    }
}

/// The length of a literal in which a backslash escapes the character after it.
fn escape_string(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(2).find(|(_, c)| {
        let ends = *c == '\'' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}
