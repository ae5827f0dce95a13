//! Statements that a collector must not run: they would change the session that all collectors share.

/// The first words of statements that change the session: its transaction, its settings, its prepared statements, its
/// cursors, what it listens to, what it holds locks on. `COPY` would end the connection.
const FORBIDDEN: [&str; 27] = [
    "ABORT",
    "BEGIN",
    "CHECKPOINT",
    "CLOSE",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "DO",
    "END",
    "EXECUTE",
    "FETCH",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MOVE",
    "NOTIFY",
    "PREPARE",
    "REASSIGN",
    "RELEASE",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "START",
    "UNLISTEN",
];

/// Why a collector must not run a statement; `None` if it may.
pub(super) fn forbidden(sql: &str) -> Option<String> {
    let word = first_word(sql).to_ascii_uppercase();
    FORBIDDEN.contains(&word.as_str()).then(|| {
        format!(
            "the query begins with {word}, which would change the session that all collectors share: expected a statement \
             that returns rows, such as SELECT, WITH, VALUES, TABLE or SHOW"
        )
    })
}

/// The first word after white space, comments and empty statements.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}' || c == ';');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once(['\n', '\r']).map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            after_comment(comment)
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            return &rest[..end];
        };
    }
}

/// What follows a comment that has begun. Comments nest.
fn after_comment(mut rest: &str) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = rest.find(['/', '*']) else { return "" };
        let mark = rest.get(at..at + 2).unwrap_or_default();
        let (length, change) = match mark {
            "*/" => (2, -1),
            "/*" => (2, 1),
            _ => (1, 0),
        };
        depth += change;
        rest = &rest[at + length..];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_word_behind_comments() {
        for (sql, is_forbidden) in [
            ("BEGIN", true),
            (" ;\n-- a comment\r\n/* another /* nested */ * / */Set x = 1", true),
            ("/**/lock/* */table t", true),
            ("discard all", true),
            ("select 1", false),
            ("/* begin */ select 1", false),
            ("-- set", false),
            ("/* open", false),
            ("(select 1)", false),
            ("settle", false),
            ("set_config", false),
            ("", false),
        ] {
            assert_eq!(forbidden(sql).is_some(), is_forbidden, "{sql}");
        }
    }
}
