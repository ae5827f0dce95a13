//! The status page: what it shows, and that it can be read on a desktop and on a phone.

use lab::{Browser, Exporter, Major, Postgres};
use support::certificates::written;
use support::layout::assert_fits;
use support::{binary, exporter, scrape};

use super::{COLLECTORS, DOWN};

/// The name of a database that would be markup and reorders the text after it.
const HOSTILE: &str = "<script>document.title='x'</script><b>\"&\u{202e}\u{1b}name";

fn landing(exporter: &Exporter) -> String {
    let response = exporter.get("/").unwrap();
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; img-src data:"), "{policy}");
    response.text()
}

/// The first cells of each row of the first table.
fn rows(page: &str) -> Vec<&str> {
    let table = page.split_once("<tbody>").unwrap().1.split_once("</table>").unwrap().0;
    table.split("<tr").skip(1).map(|row| row.split_once("<td>").unwrap().1.split('<').next().unwrap()).collect()
}

#[test]
fn shows_state_numbers_and_every_collector_with_failures_first() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", &format!("create database \"{}\"", HOSTILE.replace('"', "\"\""))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", COLLECTORS);
    let exporter = exporter(&server, "postgres", &["--config", config.to_str().unwrap()]);
    let page = landing(&exporter);
    // Whoever looks first sees the state, and it is no scrape.
    assert!(page.contains("<b class=\"mark ok\">up</b>") && !page.contains("1 scrape"), "{page}");
    for _ in 0..3 {
        scrape(&exporter);
    }
    let page = landing(&exporter);
    for needed in [
        "<b class=\"mark ok\">up</b>",
        "primary, version 1",
        "<dt>collectors</dt><dd>6 ok<small>2 failing, 2 with dropped samples</small>",
        "<dt>databases</dt><dd>2<small>all can be read</small>",
        " of 16<small>open now; ",
        "division by zero",
        "samples dropped",
        "skipped by a predicate",
        "aria-label=\"3 scrapes: ",
        ", 3 with failed collectors",
    ] {
        assert!(page.contains(needed), "{needed}: {page}");
    }
    assert_eq!(page.matches("<rect class=\"warn\" ").count(), 3, "{page}");
    assert_eq!(rows(&page)[..2], ["bad", "odd"], "{page}");
    assert!(!page.contains("<script") && !page.contains("<b>\"") && !page.contains('\u{202e}'), "{page}");
    assert!(page.contains("&lt;script&gt;document.title='x'"), "{page}");
}

#[test]
fn fits_a_desktop_and_a_phone() {
    let mut browser = Browser::start().unwrap();
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", &format!("create database \"{}\"", HOSTILE.replace('"', "\"\""))).unwrap();
    for number in 0..38 {
        let name = format!("a_database_with_a_long_name_{number:035}");
        server.psql("postgres", &format!("create database {name}")).unwrap();
    }
    let many = exporter(&server, "postgres", &[]);
    assert_fits(&mut browser, &many, "before the first scrape");
    scrape(&many);
    scrape(&many);
    let text = assert_fits(&mut browser, &many, "40 databases");
    assert!(text.contains("a_database_with_a_long_name_00000000000000000000000000000000037"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", COLLECTORS);
    let failing = exporter(&server, "postgres", &["--config", config.to_str().unwrap()]);
    scrape(&failing);
    let text = assert_fits(&mut browser, &failing, "failing collectors");
    assert!(text.contains("failed (sql)") && text.contains("<script>document.title='x'</script><b>\"&"), "{text}");

    drop(server);
    scrape(&many);
    let text = assert_fits(&mut browser, &many, "a server that went down");
    assert!(text.contains("last seen as primary, version 1") && text.contains("not exported (refused)"), "{text}");
    let never = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    scrape(&never);
    let text = assert_fits(&mut browser, &never, "a server that was never there");
    assert!(text.contains("down") && text.contains("connection refused"), "{text}");
}
