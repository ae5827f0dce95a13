//! What is said when the server cannot be used, and what to do.

use lab::{Major, Postgres};

use super::{assert_fails, by_url, failure};

#[test]
fn refusals_say_what_to_do() {
    let server = Postgres::builder(Major::NEWEST).hba_line("local all odd peer").start().unwrap();
    server.psql("postgres", "create role odd login").unwrap();
    let url = server.url("monitor", "postgres");
    let without_database = url.replace("/postgres?", "?");
    assert_fails(&by_url(&without_database), "no_database", "add /postgres to the URL, or dbname=postgres");
    let named = url.replace("/postgres?", "/nowhere?");
    let (_, message) = failure(&by_url(&named));
    assert!(message.contains("\"nowhere\" does not exist") && !message.contains("add /postgres"), "{message}");
    assert_fails(&by_url(&format!("{url}&sslmod=disable")), "unknown_setting", "is the name misspelt?");
    let socket = format!("host={} port={} user=odd dbname=postgres", server.socket_dir().display(), server.port());
    assert_fails(&by_url(&socket), "auth", "run the exporter as that user, or set a host and a password");
}
