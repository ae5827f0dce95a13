//! Macros in SQL, as `@user_schema:n.nspname@`, for what would stand in many collectors.
//!
//! The form is that of PostgreSQL's `@extschema:name@`. A macro is no macro inside a literal, a quoted name or a comment,
//! so that addresses of mail and texts with `@` stay as they are.

use std::borrow::Cow;
use std::ops::Range;

use crate::facts::Version;
use crate::sql::tokens;

/// One macro.
#[derive(Debug)]
pub(crate) struct Macro {
    pub name: &'static str,
    pub parameters: &'static [&'static str],
    pub about: &'static str,
    pub example: &'static str,
}

/// Schemas of the system and of extensions, as a regular expression.
const NO_USER_SCHEMA: &str = "^(pg_|_?timescaledb|citus|columnar|information_schema$|repack$|monitor$)";

/// All macros; of `extschema` the plan takes care, since it needs to know the database.
pub(crate) const MACROS: &[Macro] = &[
    Macro {
        name: "extschema",
        parameters: &["extension"],
        about: "The quoted schema that the extension is installed in. PostgreSQL's own notation.",
        example: "@extschema:pg_stat_statements@.pg_stat_statements(false)",
    },
    Macro {
        name: "qualified_name",
        parameters: &["schema", "name"],
        about: "The label `schema.name`. A part that has a dot in it is quoted, so that two objects never share a label.",
        example: "@qualified_name:n.nspname:c.relname@",
    },
    Macro {
        name: "user_schema",
        parameters: &["schema"],
        about: "Whether the schema is one of a user: not of the system, `timescaledb`, `citus`, `columnar`, `repack` or `monitor`.",
        example: "WHERE @user_schema:n.nspname@",
    },
    Macro {
        name: "since",
        parameters: &["version", "sql", "sql before it"],
        about: "The first SQL from this version on, the second one before it. The version is that of the columns.",
        example: "@since:18:c.relallfrozen:0@",
    },
];

/// A macro in a text.
struct Use<'a> {
    range: Range<usize>,
    name: &'a str,
    arguments: Vec<&'a str>,
}

/// What is wrong with the macros of a text: each with its bytes there.
pub(crate) fn check(sql: &str) -> Vec<(Range<usize>, String)> {
    uses(sql).into_iter().filter_map(|found| Some((found.range.clone(), fault(&found)?))).collect()
}

/// The text with all macros but `extschema` replaced, for a server or extension of that version.
pub(crate) fn expand(sql: &str, version: Version) -> Cow<'_, str> {
    // Plans are made anew for each database in each scrape; most texts have no macro.
    if !sql.contains('@') {
        return sql.into();
    }
    let mut expanded = String::with_capacity(sql.len());
    let mut written = 0;
    for found in uses(sql) {
        let Some(replaced) = replacement(&found, version) else { continue };
        expanded.push_str(&sql[written..found.range.start]);
        expanded.push_str(&replaced);
        written = found.range.end;
    }
    expanded.push_str(&sql[written..]);
    expanded.into()
}

fn replacement(found: &Use<'_>, version: Version) -> Option<String> {
    let part = |name: &str| {
        format!("CASE WHEN pg_catalog.strpos({name}, '.') > 0 THEN pg_catalog.quote_ident({name}) ELSE {name} END")
    };
    match (found.name, &*found.arguments) {
        ("qualified_name", [schema, name]) => Some(format!("({} || '.' || {})", part(schema), part(name))),
        ("user_schema", [schema]) => Some(format!("{schema} !~ '{NO_USER_SCHEMA}'")),
        ("since", [since, new, old]) => {
            let since = Version::parse(since)?;
            Some((*if version.0 == 0 || version >= since { new } else { old }).to_owned())
        }
        _ => None,
    }
}

fn fault(found: &Use<'_>) -> Option<String> {
    let Some(known) = MACROS.iter().find(|known| known.name == found.name) else {
        let names: Vec<&str> = MACROS.iter().map(|known| known.name).collect();
        return Some(format!("unknown macro {}: expected one of {}", found.name, names.join(", ")));
    };
    if known.parameters.len() != found.arguments.len() {
        let expected = format!("@{}:{}@", known.name, known.parameters.join(":"));
        return Some(format!("macro {}: expected {expected}, found {} arguments", known.name, found.arguments.len()));
    }
    let version = found.arguments[0];
    (known.name == "since" && Version::parse(version).is_none())
        .then(|| format!("macro since: expected a version such as 14 or 1.11, found \"{version}\""))
}

fn uses(sql: &str) -> Vec<Use<'_>> {
    let mut found: Vec<Use<'_>> = Vec::new();
    for token in tokens(sql) {
        let behind = found.last().is_none_or(|last| token.start >= last.range.end);
        if token.text == "@" && behind {
            found.extend(parse(sql, token.start));
        }
    }
    found
}

/// `@name:argument:argument@` at `start`, in one line. A single colon divides, a double one is a cast.
fn parse(sql: &str, start: usize) -> Option<Use<'_>> {
    let inner = &sql[start + 1..];
    let inner = &inner[..inner.find(['@', '\n']).filter(|end| inner[*end..].starts_with('@'))?];
    let (name, rest) = inner.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if !is_name || rest.is_empty() || rest.starts_with(':') {
        return None;
    }
    Some(Use { range: start..start + inner.len() + 2, name, arguments: split(rest) })
}

fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(':') {
        let cast = text[at + 1..].starts_with(':') || text[..at].ends_with(':');
        if !cast {
            parts.push(&text[begin..at]);
            begin = at + 1;
        }
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_macros_in_sql() {
        for (sql, expected) in [
            ("SELECT @since:18:c.new:0::int@, 1", "SELECT c.new, 1"),
            ("SELECT @since:18.1:c.new = 'a':0::int@", "SELECT 0::int"),
            ("@since:18:a:b@ @since:19:c:d@", "a d"),
            ("WHERE @user_schema:n.nspname@ AND x", &format!("WHERE n.nspname !~ '{NO_USER_SCHEMA}' AND x")),
            ("FROM @extschema:x@.y", "FROM @extschema:x@.y"),
        ] {
            assert_eq!(check(sql), [], "{sql}");
            assert_eq!(expand(sql, Version(180_000)), expected);
        }
        let name = expand("@qualified_name:n.a:c.b@", Version::default());
        assert!(
            name.starts_with("(CASE WHEN pg_catalog.strpos(n.a, '.') > 0") && name.ends_with("ELSE c.b END)"),
            "{name}"
        );
    }

    #[test]
    fn leaves_every_other_at_sign_alone() {
        for sql in [
            "SELECT a @> b, c <@ d, @x::int, @ -5, a @? '$.x', a @@ to_tsquery('b'), @y",
            "SELECT 'a@since:18:b:c@d', \"@odd:x@\", $$ @odd:x@ $$ -- @odd:x@\n /* @odd:x@ */",
            "SELECT 'postgresql://a:b@c:5432/d?e=f@g', 'me@example.com'",
            "SELECT a[1:@b], @c:d\n@ e, @c:@, @:d@",
        ] {
            assert_eq!(check(sql), [], "{sql}");
            assert_eq!(expand(sql, Version(180_000)), sql);
        }
    }

    #[test]
    fn tells_what_is_wrong_with_a_macro() {
        let found = check("SELECT @odd:x@, @since:18:a@,\n @since:new:a:b@");
        let messages: Vec<&str> = found.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown macro odd: expected one of extschema, qualified_name, user_schema, since",
                "macro since: expected @since:version:sql:sql before it@, found 2 arguments",
                "macro since: expected a version such as 14 or 1.11, found \"new\"",
            ]
        );
        assert_eq!(found[0].0, 7..14);
    }
}
