//! Names of an extension in SQL that leaves them bare, as files written for a wide `search_path` do.
//!
//! Sessions look names up in `pg_catalog` only, since any other schema may hold what somebody else has put there. So that
//! `FROM pg_stat_statements` of a collector with the tag `extension:pg_stat_statements` still finds what is meant, the
//! schema of the extension is written before it.

use crate::collector::quote;

/// Words after which names of a FROM list no longer follow.
const ENDS_OF_FROM: &[&str] = &[
    "where",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "fetch",
    "union",
    "except",
    "intersect",
    "window",
    "on",
    "using",
    "select",
    "set",
    "returning",
    "for",
];

/// Writes `schema` before every bare name of a FROM list that is `extension` or begins with it and `_`.
pub(crate) fn qualify(sql: &str, extension: &str, schema: &str) -> String {
    let tokens = tokens(sql);
    let mut qualified = String::with_capacity(sql.len() + schema.len());
    let mut written = 0;
    for at in bare_relations(&tokens) {
        let Token { text, start } = tokens[at];
        if belongs(text, extension) && !is_defined(&tokens, text) {
            qualified.push_str(&sql[written..start]);
            qualified.push_str(&quote(schema));
            qualified.push('.');
            written = start;
        }
    }
    qualified.push_str(&sql[written..]);
    qualified
}

fn belongs(name: &str, extension: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_prefix(extension).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Whether the statement itself defines the name, in its WITH list.
fn is_defined(tokens: &[Token<'_>], name: &str) -> bool {
    tokens.windows(3).any(|window| {
        let [first, second, third] = window else { return false };
        first.is(name) && second.is("as") && (third.is("(") || third.is("materialized") || third.is("not"))
    })
}

/// Places of the tokens that name a relation or function in a FROM list without a schema.
fn bare_relations(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut found = Vec::new();
    // For each open parenthesis and the statement itself: whether a FROM list is being read.
    let mut in_from = vec![false];
    let mut before = "";
    for (at, token) in tokens.iter().enumerate() {
        let list = in_from.last().copied().unwrap_or_default();
        let begins_item = matches!(before, "from" | "join" | "lateral" | "only") || (list && before == ",");
        if begins_item && token.is_name() && tokens.get(at + 1).is_none_or(|next| !next.is(".")) {
            found.push(at);
        }
        let word = token.text.to_ascii_lowercase();
        match &*word {
            "(" => in_from.push(false),
            ")" if in_from.len() > 1 => drop(in_from.pop()),
            "from" | "join" => in_from.iter_mut().last().into_iter().for_each(|list| *list = true),
            word if ENDS_OF_FROM.contains(&word) => {
                in_from.iter_mut().last().into_iter().for_each(|list| *list = false)
            }
            _ => {}
        }
        before = ["from", "join", "lateral", "only", ","].into_iter().find(|known| *known == word).unwrap_or("");
    }
    found
}

/// A word or a single character of SQL, outside comments and literals.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    start: usize,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn is_name(&self) -> bool {
        self.text.starts_with(is_word_start)
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn tokens(sql: &str) -> Vec<Token<'_>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn qualified(sql: &str) -> String {
        qualify(sql, "pg_stat_statements", "Mon itor")
    }

    #[test]
    fn qualifies_relations_and_functions_of_the_extension() {
        for (sql, expected) in [
            ("SELECT 1 FROM pg_stat_statements", r#"SELECT 1 FROM "Mon itor".pg_stat_statements"#),
            ("select 1 from\n PG_Stat_Statements(false) s", "select 1 from\n \"Mon itor\".PG_Stat_Statements(false) s"),
            (
                "SELECT 1 FROM pg_database d, pg_stat_statements s WHERE a IN (b, pg_stat_statements)",
                r#"SELECT 1 FROM pg_database d, "Mon itor".pg_stat_statements s WHERE a IN (b, pg_stat_statements)"#,
            ),
            (
                "SELECT (SELECT dealloc FROM pg_stat_statements_info) FROM x JOIN pg_stat_statements USING (y)",
                r#"SELECT (SELECT dealloc FROM "Mon itor".pg_stat_statements_info) FROM x JOIN "Mon itor".pg_stat_statements USING (y)"#,
            ),
        ] {
            assert_eq!(qualified(sql), expected);
        }
    }

    #[test]
    fn leaves_every_other_name_alone() {
        for sql in [
            "SELECT pg_stat_statements.calls, pg_stat_statements FROM public.pg_stat_statements",
            "SELECT 1 FROM pg_stat_statements.x",
            "SELECT 1 FROM pg_stat_statementsx, \"pg_stat_statements\"",
            "WITH pg_stat_statements_top AS (SELECT 1) SELECT 1 FROM pg_stat_statements_top",
            "SELECT ' FROM pg_stat_statements', E'\\' FROM pg_stat_statements', $a$ FROM pg_stat_statements $a$",
            "SELECT 1 -- FROM pg_stat_statements\n /* FROM pg_stat_statements */",
            "SELECT 1 FROM x WHERE y = 'it''s' -- from",
        ] {
            assert_eq!(qualified(sql), sql);
        }
    }
}
