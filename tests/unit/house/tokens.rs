//! Rust source as tokens, without comments: enough to tell paths, items and texts apart.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name, a keyword or a number.
    Word,
    /// The content of a string literal, as it is written.
    Text,
    /// A doc comment's line.
    Doc,
    /// `::`, or one character.
    Sign,
}

/// One token and the line where it begins, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

impl Token {
    /// Whether it is this word or sign.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text == text
    }
}

/// The tokens of a file, without what is compiled for tests only.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut scanner = Scanner { rest: source, line: 1, tokens: Vec::new() };
    while scanner.step() {}
    without_tests(scanner.tokens)
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl<'a> Scanner<'a> {
    /// Takes one token or what stands between tokens; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        let line = self.line;
        if self.rest.starts_with("//") {
            let comment = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            if let Some(doc) = comment.strip_prefix("///").or_else(|| comment.strip_prefix("//!")) {
                self.push(Kind::Doc, doc, line);
            }
        } else if self.rest.starts_with("/*") {
            let length = self.rest.find("*/").map_or(self.rest.len(), |end| end + 2);
            self.take(length);
        } else if let Some((before, length)) = text_literal(self.rest) {
            let literal = self.take(length);
            self.push(Kind::Text, literal[before..].trim_end_matches('#').trim_end_matches('"'), line);
        } else if let Some(length) = char_literal(self.rest) {
            self.take(length);
        } else if first.is_alphanumeric() || first == '_' {
            let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
            let word = self.take(self.rest.find(|c| !is_in_word(c)).unwrap_or(self.rest.len()));
            self.push(Kind::Word, word, line);
        } else {
            let sign = self.take(if self.rest.starts_with("::") { 2 } else { first.len_utf8() });
            if !first.is_whitespace() {
                self.push(Kind::Sign, sign, line);
            }
        }
        true
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }

    fn push(&mut self, kind: Kind, text: &str, line: usize) {
        self.tokens.push(Token { kind, text: text.to_owned(), line });
    }
}

/// Of a string literal at the beginning: how long what opens it is, and how long all of it is.
fn text_literal(source: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let after = source.strip_prefix(prefix).unwrap_or_default();
        after.starts_with('"')
            || (prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"') && after.starts_with('#'))
    })?;
    let hashes = source[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let begin = prefix.len() + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = source[begin..].find(&end).map_or(source.len(), |at| begin + at + end.len());
        return Some((begin, length));
    }
    let mut escaped = false;
    for (at, byte) in source.bytes().enumerate().skip(begin) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((begin, at + 1)),
            _ => {}
        }
    }
    Some((begin, source.len()))
}

/// How long a character literal at the beginning is; `None` for a lifetime.
fn char_literal(source: &str) -> Option<usize> {
    let inside = source.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        return inside[2..].find('\'').map(|end| end + 4);
    }
    inside[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

/// Leaves out each item that stands behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let is_mark = rest.len() > MARK.len() && rest.iter().zip(MARK).all(|(token, mark)| token.is(mark));
        if is_mark {
            rest = after_item(&rest[MARK.len()..]);
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

/// What comes after the item at the beginning: after its `;`, or its last brace.
fn after_item(tokens: &[Token]) -> &[Token] {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 && (token.is("}") || token.is(";")) {
            return &tokens[at + 1..];
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_texts_and_tests_are_told_from_code() {
        let source = "/// Doc\nfn a<'x>() { b(\"use c::d\", r#\"e\"f\"#, '\\'', '\"') } // g\n/* h */\n\
                      #[cfg(test)]\nmod t { fn i() { {} } }\n#[cfg(test)]\nmod u;\nj::k";
        let found = tokens(source);
        let of = |kind| found.iter().filter(move |token| token.kind == kind).map(|token| token.text.as_str());
        assert_eq!(of(Kind::Word).collect::<Vec<_>>(), ["fn", "a", "x", "b", "j", "k"]);
        assert_eq!(of(Kind::Text).collect::<Vec<_>>(), ["use c::d", "e\"f"]);
        assert_eq!(of(Kind::Doc).collect::<Vec<_>>(), [" Doc"]);
        assert_eq!(found.iter().find(|token| token.is("j")).map(|token| token.line), Some(8));
    }
}
