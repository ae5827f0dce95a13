//! The keys of a rule file.

use crate::collector::{Item, Key, KeyMap, KeyType};

/// What a rule's severity may be, the worst first.
pub(super) const SEVERITIES: &[&str] = &["critical", "warning", "info"];
/// Where a rule is examined.
pub(super) const SCOPES: &[&str] = &["server", "database"];
/// The role that a server must have.
pub(super) const ROLES: &[&str] = &["primary", "standby"];
/// Where a fix is pasted.
pub(super) const PLACES: &[&str] =
    &["psql", "shell", "postgresql.conf", "pg_hba.conf", "console", "pgbouncer.ini", "pgbackrest.conf"];

/// The value of `thresholds`: a number for each name.
const THRESHOLDS: KeyMap =
    KeyMap { title: "Thresholds", about: "Numbers that --threshold changes, by their names.", keys: &[] };

/// The body of a rule.
pub(super) const RULE: KeyMap = KeyMap {
    title: "Rule",
    about: "The keys of a rule. It has exactly one of `query` and `query_file`.",
    keys: &[
        Key::ours("severity", KeyType::Word(SEVERITIES, false), "How urgent its findings are.", "warning").required(),
        Key::ours("summary", KeyType::Text, "What is wrong.", "Sequences near their end").required(),
        Key::ours("why", KeyType::Text, "What it leads to.", "nextval() fails at the end.").required(),
        Key::ours("scope", KeyType::Word(SCOPES, false), "Once per server, or in each database.", "database")
            .default("server"),
        Key::ours("role", KeyType::Word(ROLES, false), "The role of servers that it is about.", "primary")
            .default("both"),
        Key::ours("extension", KeyType::Text, "Extension that its query needs.", "pg_stat_statements"),
        Key::ours("query", KeyType::Query, "One row per object: columns are the evidence.", "SHOW POOLS"),
        Key::ours(
            "query_file",
            KeyType::Text,
            "Name of a `.sql` file beside this one with the query.",
            "sequences.sql",
        ),
        Key::ours("join", KeyType::Query, "Query whose row is added to each row.", "SHOW CONFIG AS COLUMNS"),
        Key::ours(
            "when",
            KeyType::List(Item::Text),
            "Conditions on the columns that must all hold.",
            "[cl_waiting > 0]",
        ),
        Key::ours("evidence", KeyType::List(Item::Text), "Columns to show.", "[database, user]").default("all"),
        Key::ours("fix", KeyType::Text, "The fix, with columns in braces, of rows without a column `fix`.", "RESUME;"),
        Key::ours("fix_in", KeyType::Word(PLACES, false), "Where to paste the fix.", "psql").required(),
        Key::ours("grant", KeyType::Text, "Statement that lets the role read it. `@user@` is the role.", "GRANT …"),
        Key::ours("thresholds", KeyType::Map(&THRESHOLDS), "Numbers for `@name@` in texts.", "{ seconds: 300 }"),
        Key::ours("min_version", KeyType::Version, "First version that it is about.", "14").default("all"),
        Key::ours("max_version", KeyType::Version, "First version that it is not about any more.", "17").default("all"),
        Key::ours("timeout", KeyType::Number, "Seconds after which the server stops the query.", "5").default("5"),
        Key::ours("source", KeyType::Text, "Link to the documentation that says so.", "https://…").required(),
    ],
};
