//! The reference page of the keys.

use std::fmt::Write;

use super::key::Key;
use super::keys::MAPS;
use super::macros::{MACROS, Macro, expand};
use crate::facts::Version;

/// The keys as a page in Markdown.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Keys of a collector file\n\n\
         [Collector files](../guide/collectors.md) explains them with examples. `make bless` writes this\n\
         page from the table that the parser uses, and `collectors/collector.schema.json` for editors.\n",
    );
    for map in MAPS {
        // Writing to a String cannot fail, here and below.
        writeln!(out, "\n## {}\n\n{}\n", map.title, map.about).ok();
        out.push_str("| key | type | default | meaning | example | known to |\n|---|---|---|---|---|---|\n");
        for key in map.keys {
            out.push_str(&row(key));
        }
    }
    out.push_str(
        "\n## Macros\n\nFor SQL in `query`, `from`, `predicate_query`, `expr` and in files of `from_file`. An `@` inside a\n\
         literal, a quoted name or a comment begins no macro.\n\n\
         | macro | meaning | example | becomes |\n|---|---|---|---|\n",
    );
    out.extend(MACROS.iter().map(macro_row));
    out
}

fn macro_row(one: &Macro) -> String {
    let becomes = match expand(one.example, Version::default()).into_owned() {
        same if same == one.example => r#""schema".pg_stat_statements(false)"#.to_owned(),
        expanded => expanded,
    };
    let form = format!("@{}:{}@", one.name, one.parameters.join(":"));
    let cells = [format!("`{form}`"), one.about.to_owned(), format!("`{}`", one.example), format!("`{becomes}`")];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn row(key: &Key) -> String {
    let default = if key.required { "required" } else { key.default };
    let known_to = if key.inherited { "pg_exporter" } else { "this suite" };
    let cells = [
        format!("`{}`", key.name),
        key.kind.expected(),
        default.to_owned(),
        key.about.to_owned(),
        format!("`{}`", key.example),
        known_to.to_owned(),
    ];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}
