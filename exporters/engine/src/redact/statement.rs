//! The text of a statement without its constants.
//!
//! pg_stat_statements replaces constants by `$n`, but not all of them: a statement whose entry was evicted while it ran,
//! or `SELECT INTO` before PostgreSQL 16, keeps its constants.

use super::secrets::secrets;

/// The longest text that is shown, in characters.
const LONGEST: usize = 500;

/// The first statement in `text`, on one line, without comments and with `'***'` for each string constant.
///
/// If the end of a constant or name is ambiguous, the rest of the text is dropped.
pub(crate) fn statement(text: &str) -> String {
    let mut shown = Shown::default();
    let mut rest = text;
    while let Some(next) = shown.take(rest) {
        rest = next;
    }
    cut(secrets(shown.text.trim_end()).into_owned())
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
    text
}

#[derive(Default)]
struct Shown {
    text: String,
}

impl Shown {
    /// Takes one token of `rest`; returns the text after it, `None` at the end.
    fn take<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let first = rest.chars().next()?;
        if first.is_whitespace() {
            self.space();
            return Some(rest.trim_start());
        }
        if let Some(comment) = rest.strip_prefix("--") {
            self.space();
            return comment.split_once('\n').map(|(_, after)| after);
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            self.space();
            return after_comment(comment);
        }
        match first {
            // What follows belongs to another statement.
            ';' => None,
            '\'' => self.constant(&rest[1..]),
            '"' => self.quoted_name(rest),
            '$' => self.dollar(rest),
            _ => Some(self.word(rest)),
        }
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    /// A string constant, without its opening quote. A backslash may or may not hide a closing quote, by the kind of
    /// constant and by `standard_conforming_strings`: with one before a quote the end cannot be told.
    fn constant<'a>(&mut self, inside: &'a str) -> Option<&'a str> {
        self.text.push_str("'***'");
        let mut from = 0;
        loop {
            let end = from + inside[from..].find('\'')?;
            if inside[from..end].ends_with('\\') {
                return None;
            }
            from = end + 1;
            if !inside[from..].starts_with('\'') {
                return Some(&inside[from..]);
            }
            // Two quotes are one in the constant.
            from += 1;
        }
    }

    fn quoted_name<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let end = 1 + rest[1..].find('"')? + 1;
        self.text.push_str(&rest[..end]);
        Some(&rest[end..])
    }

    /// A parameter, or a constant in dollar quotes.
    fn dollar<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            self.text.push_str(&rest[..=digits]);
            return Some(&rest[digits + 1..]);
        }
        self.text.push_str("'***'");
        let tag = &rest[..rest[1..].find('$')? + 2];
        rest[tag.len()..].split_once(tag).map(|(_, after)| after)
    }

    /// A name, a key word or a number, in which a dollar is no quote; else one character.
    fn word<'a>(&mut self, rest: &'a str) -> &'a str {
        let is_in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii();
        let starts = rest.starts_with(|c: char| c == '_' || c.is_alphabetic() || !c.is_ascii());
        let end = if starts { rest.find(|c| !is_in_name(c)).unwrap_or(rest.len()) } else { 1 };
        self.text.push_str(&rest[..end]);
        &rest[end..]
    }
}

/// What is after a comment, which may hold others.
fn after_comment(mut rest: &str) -> Option<&str> {
    let mut depth = 1;
    while depth > 0 {
        let at = rest.find(['*', '/'])?;
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, after);
        } else if let Some(after) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, after);
        } else {
            rest = &rest[1..];
        }
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_constants_and_comments() {
        for (text, shown) in [
            ("select $1 as wanted", "select $1 as wanted"),
            ("select\n  $1,\n\t$2", "select $1, $2"),
            ("select a -- secret\nfrom b", "select a from b"),
            ("select a -- secret", "select a"),
            ("select/* secret /* secret */ secret */a", "select a"),
            ("select a /* secret", "select a"),
            ("select 'secret', x'secret', E'secret'", "select '***', x'***', E'***'"),
            ("select 'sec''secret' from t", "select '***' from t"),
            (r"select E'it\'secret' from t where a = 'secret'", "select E'***'"),
            (r"select 'C:\secret\' as secret", "select '***'"),
            (r"select 'C:\secret' as a", "select '***' as a"),
            ("select 'secret", "select '***'"),
            ("select $$secret$$ as a", "select '***' as a"),
            ("select $x$secret$$secret$x$ as a", "select '***' as a"),
            ("select $x$secret$y$", "select '***'"),
            ("select $1$secret$1", "select $1'***'"),
            ("select v$session, a$b$c from x$y", "select v$session, a$b$c from x$y"),
            (r#"select "it's", "a""b" from t"#, r#"select "it's", "a""b" from t"#),
            (r#"select "secret"#, "select"),
            ("select 1; alter role a password 'secret'", "select 1"),
            ("select a from t where password = $1", "select a from t where password = ***"),
            ("select dblink_connect('host=h password=secret')", "select dblink_connect('***')"),
            ("select größe, 1.5e3 from t where a->>$1 = $2", "select größe, 1.5e3 from t where a->>$1 = $2"),
            ("", ""),
        ] {
            assert_eq!(statement(text), shown, "{text}");
        }
    }

    #[test]
    fn truncates_long_texts_between_characters() {
        assert_eq!(statement(&"ü".repeat(600)), "ü".repeat(500));
    }
}
