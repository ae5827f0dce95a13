//! Names that are hard to write: the page stays valid and each is there as it is.

use std::collections::BTreeSet;

use lab::{Exporter, Major, Postgres};
use support::outcome::scrape_until;
use support::{binary, scrape};

/// Names of up to 63 bytes with all that means something to SQL, to a page, to a terminal or to a person.
const NAMES: [&str; 16] = [
    "quote'single",
    "quote\"double",
    "back\\slash",
    "new\nline",
    "tab\tulator",
    "brace{x=\"y\"} 1",
    "# HELP x y",
    "comma,equals=",
    "\u{202e}right to left\u{200f}",
    "\u{0}",
    "\u{7f}\u{1b}[31mred",
    "\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}\u{1f418}",
    "$1 %s %n ${x} $$",
    " leading and trailing ",
    "\u{feff}\u{2028}",
    "_",
];

#[test]
fn hostile_names_are_exported_as_they_are() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    // PostgreSQL has no zero byte in a text.
    let names: BTreeSet<&str> = NAMES.into_iter().filter(|name| !name.contains('\0')).collect();
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    for name in &names {
        let name = quoted(name);
        server.psql("postgres", &format!("create database {name}")).unwrap();
        server
            .psql(
                "postgres",
                &format!("create role {name}; create schema {name}; create table {name}.{name} ({name} int); create index \"i{} on {name}.{name} ({name}); create sequence {name}.\"s{}", &name[1..], &name[1..]),
            )
            .unwrap();
    }
    let url = server.url("postgres", "postgres");
    let exporter = Exporter::start(binary(), &["--disable-cache"], &[("PG_EXPORTER_URL", &url)]).unwrap();
    for format in ["text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"] {
        let answer = exporter.get_with("/metrics", &[("Accept", format)]).unwrap();
        assert_eq!(answer.status, 200);
        if format.starts_with("application") {
            openmetrics_parser::openmetrics::parse_openmetrics(&answer.text()).unwrap();
        }
    }
    let page = scrape(&exporter);
    page.assert_valid();
    assert_eq!((page.failed(), page.dropped()), (vec![], vec![]), "{}", exporter.log());
    let databases = page.label_values("pg_db_datid", "datname");
    assert_eq!(names.iter().filter(|name| !databases.contains(*name)).collect::<Vec<_>>(), Vec::<&&str>::new());
    let visited = page.label_values("pg_exporter_server_scrape_duration", "datname");
    assert_eq!(names.iter().filter(|name| !visited.contains(*name)).collect::<Vec<_>>(), Vec::<&&str>::new());
    let tables = page.label_values("pg_table_relid", "relname");
    assert!(names.iter().all(|name| tables.contains(format!("{name}.{name}").as_str())), "{tables:?}");
    // Both formats allow it in a label; the second parser does not.
    server.psql("postgres", "create database \"carriage\rreturn\"").unwrap();
    let is_there =
        |page: &support::Page| page.label_values("pg_activity_count", "datname").contains("carriage\rreturn");
    scrape_until(&exporter, "the new database is there", is_there).complaints();
    for path in ["/", "/explain", "/stat"] {
        let text = exporter.get(path).unwrap().text();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{path}");
    }
    assert!(!exporter.log().contains('\u{1b}'));
}
