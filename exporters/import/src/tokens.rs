//! SQL as tokens, with their depth in parentheses.

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlToken<'a> {
    pub kind: SqlTokenKind<'a>,
    /// How many parentheses and brackets are open around it; those themselves are outside.
    pub depth: usize,
    /// The byte of the text at which it begins.
    pub start: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlTokenKind<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A quoted name, without its quotes.
    Quoted(String),
    /// A text or a number.
    Literal,
    /// Any other character; `::` is one.
    Symbol(&'a str),
}

impl SqlToken<'_> {
    /// Whether it is the keyword.
    pub fn is(&self, word: &str) -> bool {
        matches!(self.kind, SqlTokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.kind, SqlTokenKind::Symbol(found) if found == symbol)
    }

    /// The name that it is in a result.
    pub fn name(&self) -> Option<String> {
        match &self.kind {
            SqlTokenKind::Word(word) => Some(word.to_lowercase()),
            SqlTokenKind::Quoted(name) => Some(name.clone()),
            SqlTokenKind::Literal | SqlTokenKind::Symbol(_) => None,
        }
    }
}

/// The tokens of a text, without comments.
pub(crate) fn tokens(sql: &str) -> Vec<SqlToken<'_>> {
    let (mut tokens, mut depth, mut rest) = (Vec::new(), 0_usize, sql);
    while !rest.is_empty() {
        let (kind, length) = next(rest);
        if matches!(kind, Some(SqlTokenKind::Symbol(")" | "]"))) {
            depth = depth.saturating_sub(1);
        }
        let opens = matches!(kind, Some(SqlTokenKind::Symbol("(" | "[")));
        let start = sql.len() - rest.len();
        tokens.extend(kind.map(|kind| SqlToken { kind, depth, start }));
        depth += usize::from(opens);
        rest = &rest[length..];
    }
    tokens
}

/// The token that the text begins with, if it is not blank or a comment, and its length.
fn next(rest: &str) -> (Option<SqlTokenKind<'_>>, usize) {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len());
    let first = rest.chars().next().unwrap_or(' ');
    if rest.starts_with("--") {
        return (None, until("\n", 2));
    }
    if rest.starts_with("/*") {
        return (None, until("*/", 2));
    }
    if let Some(length) = text_length(rest) {
        return (Some(SqlTokenKind::Literal), length);
    }
    match first {
        '"' => {
            let length = quoted_length(rest, '"', false);
            let name = rest[1..length].trim_end_matches('"').replace("\"\"", "\"");
            (Some(SqlTokenKind::Quoted(name)), length)
        }
        _ if first.is_alphabetic() || first == '_' => {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            (Some(SqlTokenKind::Word(&rest[..length])), length)
        }
        '0'..='9' => {
            let length =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len());
            (Some(SqlTokenKind::Literal), length)
        }
        _ if first.is_whitespace() => (None, first.len_utf8()),
        _ if rest.starts_with("::") => (Some(SqlTokenKind::Symbol("::")), 2),
        _ => (Some(SqlTokenKind::Symbol(&rest[..first.len_utf8()])), first.len_utf8()),
    }
}

/// The length of the literal text that `rest` begins with.
fn text_length(rest: &str) -> Option<usize> {
    if rest.starts_with('\'') {
        return Some(quoted_length(rest, '\'', false));
    }
    if let Some(escape) = rest.get(..2).filter(|start| start.eq_ignore_ascii_case("e'")) {
        return Some(1 + quoted_length(&rest[escape.len() - 1..], '\'', true));
    }
    let tag = rest.strip_prefix('$')?;
    let end = tag.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    if !tag[end..].starts_with('$') || tag.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let quote = &rest[..end + 2];
    Some(rest[quote.len()..].find(quote).map_or(rest.len(), |found| found + 2 * quote.len()))
}

/// The length of what stands in quotes; a doubled one is a character of it, and with `escapes` one after a backslash.
fn quoted_length(rest: &str, quote: char, escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_sql_into_tokens_with_their_depth() {
        let found = tokens("select \"a\"\"b\", f(x[1]) -- from\n/* , */ E'\\'(' $q$ ( $q$ '''(' 1.5e3::text");
        let shown: Vec<String> = found
            .iter()
            .map(|token| match &token.kind {
                SqlTokenKind::Word(word) => format!("{}{word}", token.depth),
                SqlTokenKind::Quoted(name) => format!("{}[{name}]", token.depth),
                SqlTokenKind::Literal => format!("{}'", token.depth),
                SqlTokenKind::Symbol(symbol) => format!("{}{symbol}", token.depth),
            })
            .collect();
        assert_eq!(shown.join(" "), "0select 0[a\"b] 0, 0f 0( 1x 1[ 2' 1] 0) 0' 0' 0' 0' 0:: 0text");
    }
}
