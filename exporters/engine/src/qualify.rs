//! Names of an extension in SQL that leaves them bare, as files written for a wide `search_path` do.
//!
//! Sessions look names up in `pg_catalog` only, since any other schema may hold what somebody else has put there. So that
//! `FROM pg_stat_statements` of a collector with the tag `extension:pg_stat_statements` still finds what is meant, the
//! schema of the extension is written before it.

use crate::sql::{Token, quote, tokens};

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
