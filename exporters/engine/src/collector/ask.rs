//! How a collector asks: its query, what follows FROM, or a file of SQL beside it; and the macros in all of them.

use std::path::Path;

use super::Ask;
use super::diagnostic::{Diagnostic, Diagnostics, LEFT_OUT};
use super::fields::Fields;
use super::macros;
use super::yaml::{Kind, Node, Position};

/// Gives the text of a file beside the collector file, or why it cannot be read.
pub(crate) type SqlFile<'a> = dyn Fn(&Path) -> Result<String, String> + 'a;

/// The keys of which a collector has one.
pub(super) const ASKS: [&str; 6] = ["query", "from", "from_file", "query_of", "log", "access"];
/// The keys that a collector with `query_of` takes from the other one.
const SHARED: [&str; 10] = [
    "predicate_queries",
    "search_path",
    "ttl",
    "sample",
    "timeout",
    "depends_on",
    "min_version",
    "max_version",
    "version_of",
    "lookup",
];
/// The keys whose values may have macros.
const WITH_MACROS: [&str; 4] = ["query", "from", "predicate_query", "expr"];

pub(super) fn read_ask(
    key: &str,
    position: Position,
    fields: &Fields<'_>,
    sql_file: &SqlFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Ask> {
    let mut given = ASKS.into_iter().filter(|name| fields.get(name).is_some());
    let Some(name) = given.next() else {
        let message = format!("branch {key} asks nothing: expected one of {}", ASKS.join(", "));
        diagnostics.tolerable(position, message, LEFT_OUT);
        return None;
    };
    if let Some(other) = given.next() {
        let message = format!("branch {key} has both {name} and {other}: expected one of them");
        diagnostics.error(fields.position(other, position), message);
        return None;
    }
    let text = fields.text(name)?;
    if text.trim().is_empty() {
        let message = format!("{name} of branch {key} is blank");
        diagnostics.tolerable(fields.position(name, position), message, LEFT_OUT);
        return None;
    }
    match name {
        "query" => Some(Ask::Query(text)),
        // It asks nothing: the exporter has its rows.
        "access" => Some(Ask::Query(String::new())),
        "query_of" => {
            for other in SHARED.into_iter().filter(|name| fields.get(name).is_some()) {
                let message = format!("branch {key} has {other} and query_of: {other} is that of branch {text}");
                diagnostics.error(fields.position(other, position), message);
            }
            // Until the catalog knows the other one's.
            Some(Ask::From(String::new()))
        }
        // It asks nothing: lines come to it.
        "log" => Some(Ask::From(String::new())),
        "from" => {
            let from = text.trim();
            let bare = from.get(..5).filter(|word| word.eq_ignore_ascii_case("from ")).map_or(from, |_| &from[5..]);
            Some(Ask::From(bare.to_owned()))
        }
        _ => {
            let at = fields.get(name).map_or(position, |node| node.position);
            read_sql_file(name, &text, at, sql_file, diagnostics).map(|sql| Ask::From(format!("(\n{sql}\n) AS q")))
        }
    }
}

/// The query in the file that `key` names, beside the file that is read: a name only, so that nothing else can be read.
pub(crate) fn read_sql_file(
    key: &str,
    name: &str,
    at: Position,
    sql_file: &SqlFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    if !name.ends_with(".sql") || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        diagnostics.error(at, format!("{key}: expected the name of a .sql file beside this one, found \"{name}\""));
        return None;
    }
    let path = Path::new(&*diagnostics.file).with_file_name(name);
    let text = match sql_file(&path) {
        Ok(text) => text,
        Err(why) => {
            diagnostics.error(at, format!("{key}: {name} cannot be read: {why}"));
            return None;
        }
    };
    for (range, message) in macros::check(&text) {
        let mut diagnostic =
            Diagnostic::new(&path.display().to_string().into(), Position::of(&text, range.start), message);
        diagnostic.show_line(&text);
        diagnostics.errors.push(diagnostic);
    }
    // What is said above the query stays in the file: pg_stat_activity shows the beginning only.
    let is_comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with("--");
    let above: usize = text.split_inclusive('\n').take_while(|line| is_comment(line)).map(str::len).sum();
    let query = text[above..].trim().trim_end_matches(';').trim_end();
    if query.is_empty() {
        diagnostics.error(at, format!("{key}: {name} is blank"));
        return None;
    }
    Some(query.to_owned())
}

/// Tells what is wrong with the macros anywhere in a file of that text.
pub(crate) fn check_macros(node: &Node, text: &str, diagnostics: &mut Diagnostics) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| check_macros(item, text, diagnostics)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                let is_sql = key.scalar().is_some_and(|key| WITH_MACROS.contains(&key));
                match value.scalar().filter(|_| is_sql) {
                    Some(sql) => check_sql(sql, value, text, diagnostics),
                    None => check_macros(value, text, diagnostics),
                }
            }
        }
        _ => {}
    }
}

fn check_sql(sql: &str, node: &Node, text: &str, diagnostics: &mut Diagnostics) {
    for (range, message) in macros::check(sql) {
        // The scalar is without its indentation: the macro is found again by its text.
        let found = &sql[range.clone()];
        let before = sql[..range.start].matches(found).count();
        let start = node.range.as_ref().map_or(0, |range| range.start);
        let at = text.get(start..).and_then(|raw| raw.match_indices(found).nth(before));
        diagnostics.error(at.map_or(node.position, |(at, _)| Position::of(text, start + at)), message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::{Collector, read_file};
    use crate::facts::Version;
    use crate::tiers::Tiers;

    /// Reads a file beside which `x.sql` has the given text.
    fn read(text: &str, sql: &str) -> (Vec<Collector>, Diagnostics) {
        let read = read_file("folder/test.yml", text, &Tiers::default(), &|path| match path.to_str() {
            Some("folder/x.sql") => Ok(sql.to_owned()),
            _ => Err("no such file".to_owned()),
        });
        (read.collectors, read.told)
    }

    fn told(diagnostics: &Diagnostics) -> Vec<String> {
        diagnostics.errors.iter().map(ToString::to_string).collect()
    }

    const FROM_FILE: &str = "a:\n  from_file: x.sql\n  metrics: [{ n: { usage: GAUGE, expr: max(n) } }]\n";

    #[test]
    fn builds_the_select_list_on_the_query_of_a_file() {
        let (collectors, diagnostics) = read(FROM_FILE, "-- Why.\n\n--- Why else.\nSELECT 1 AS n -- one\n;\n");
        assert_eq!(told(&diagnostics), [""; 0]);
        assert_eq!(
            collectors[0].text(Version::default()),
            "SELECT max(n) AS \"n\"\nFROM (\nSELECT 1 AS n -- one\n) AS q"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_not_beside_it_is_an_error() {
        for (name, expected) in [
            ("y.sql", "from_file: y.sql cannot be read: no such file"),
            ("../x.sql", "expected the name of a .sql file beside this one, found \"../x.sql\""),
            ("/folder/x.sql", "expected the name of a .sql file beside this one"),
            ("sub/x.sql", "expected the name of a .sql file beside this one"),
            (".sql", "expected the name of a .sql file beside this one"),
            ("test.yml", "expected the name of a .sql file beside this one"),
        ] {
            let (_, diagnostics) = read(&FROM_FILE.replace("x.sql", name), "SELECT 1 AS n");
            let told = told(&diagnostics);
            assert!(told.len() == 1 && told[0].starts_with("folder/test.yml:2:14: "), "{told:?}");
            assert!(told[0].contains(expected), "{told:?}");
        }
        let (_, diagnostics) = read(FROM_FILE, "-- nothing\n;\n");
        assert_eq!(told(&diagnostics), ["folder/test.yml:2:14: from_file: x.sql is blank"]);
    }

    #[test]
    fn an_unknown_macro_is_told_with_its_place() {
        let (_, diagnostics) = read(FROM_FILE, "SELECT 1 AS n,\n  @odd:x@ AS m\n");
        let expected = "unknown macro odd: expected one of extschema, qualified_name, user_schema, since";
        assert_eq!(told(&diagnostics), [format!("folder/x.sql:2:3: {expected}\n      @odd:x@ AS m\n      ^")]);
        let text = "a:\n  from: |\n    x WHERE 'ü @odd:x@' <> @odd:x@\n  metrics:\n    - n: { usage: GAUGE, expr: \"1 + @odd:y@\" }\n";
        let (_, diagnostics) = read(text, "");
        assert_eq!(
            told(&diagnostics),
            [format!("folder/test.yml:3:28: {expected}"), format!("folder/test.yml:5:37: {expected}")]
        );
    }
}
