//! The text of one statement.

use crate::tokens::{SqlToken, tokens};

/// Objects of extensions that queries name without a schema, and the extension of each.
const EXTENSION_OBJECTS: [(&str, &str); 8] = [
    ("pg_buffercache", "pg_buffercache"),
    ("pg_buffercache_summary", "pg_buffercache"),
    ("pg_stat_kcache", "pg_stat_kcache"),
    ("pg_stat_statements", "pg_stat_statements"),
    ("pg_stat_statements_info", "pg_stat_statements"),
    ("pg_wait_sampling_profile", "pg_wait_sampling"),
    ("pgstattuple", "pgstattuple"),
    ("pgstattuple_approx", "pgstattuple"),
];

/// The statement without the semicolon at its end.
///
/// # Errors
/// If there is none, or more than one.
pub(crate) fn single(sql: &str) -> Result<&str, &'static str> {
    let found = tokens(sql);
    let end = found.iter().position(|token| token.is_symbol(";")).unwrap_or(found.len());
    if end == 0 {
        return Err("the query is empty");
    }
    if found[end..].iter().any(|token| !token.is_symbol(";")) {
        return Err("the query has several statements: write one");
    }
    Ok(sql[..found.get(end).map_or(sql.len(), |token| token.start)].trim())
}

/// Whether the statement can stand in parentheses after FROM.
pub(crate) fn is_subquery(sql: &str) -> bool {
    let words = ["select", "with", "values", "table"];
    tokens(sql).first().is_some_and(|first| first.is_symbol("(") || words.iter().any(|word| first.is(word)))
}

/// What follows FROM so that the statement's columns can be used in expressions.
pub(crate) fn as_subquery(sql: &str) -> String {
    // A comment may be at the end.
    format!("(\n{sql}\n) AS q")
}

/// Whether the result depends on the database that it runs in, as its own text says.
pub(crate) fn names_its_database(sql: &str) -> bool {
    tokens(sql).iter().any(|token| token.is("current_database") || token.is("current_catalog"))
}

/// The extension whose objects the statement names without a schema.
pub(crate) fn extension(sql: &str) -> Option<&'static str> {
    let found = tokens(sql);
    let is_bare = |at: usize| at == 0 || !found[at - 1].is_symbol(".");
    let named = |token: &SqlToken<'_>| EXTENSION_OBJECTS.iter().find(|(object, _)| token.is(object));
    found.iter().enumerate().filter(|(at, _)| is_bare(*at)).find_map(|(_, token)| Some(named(token)?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_statement() {
        assert_eq!(single(" select ';' -- ;\n ; ; \n"), Ok("select ';' -- ;"));
        assert_eq!(single("select 1; -- done"), Ok("select 1"));
        assert_eq!(single("-- nothing\n;"), Err("the query is empty"));
        assert!(single("set a = 1; select 1").is_err());
    }

    #[test]
    fn finds_extensions_and_databases() {
        assert_eq!(extension("select * from pg_stat_statements s"), Some("pg_stat_statements"));
        assert_eq!(extension("select * from public.pg_stat_statements s"), None);
        assert!(names_its_database("select Current_Database() as datname"));
        assert!(!names_its_database("select 'current_database' as datname"));
    }
}
