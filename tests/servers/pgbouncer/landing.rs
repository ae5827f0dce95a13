//! The page for people, of several PgBouncers.

use lab::{BouncerRelease, Browser, Exporter, Major, PgBouncer, Postgres};
use support::layout::assert_fits;
use support::{pgbouncer_exporter, scrape};

#[test]
fn status_page_lists_several_poolers() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST).database("app", &server, "").start().unwrap();
    let down = "host=127.0.0.1 port=1 user=monitor";
    let (url, alone) = (pooler.url("monitor", "pgbouncer"), &["--disable-cache"]);
    let both = Exporter::start(pgbouncer_exporter(), &["-u", &url, "-u", down, "--disable-cache"], &[]).unwrap();
    let mut browser = Browser::start().unwrap();
    assert_fits(&mut browser, &both, "two before the first scrape");
    scrape(&both);
    scrape(&both);
    let text = assert_fits(&mut browser, &both, "one that is up and one that is down");
    for needed in ["connection refused", "of 2", "version 1.26"] {
        assert!(text.contains(needed), "{needed}: {text}");
    }
    let page = both.get("/").unwrap().text();
    assert!(page.contains("<title>pgbouncer-exporter: 1 of 2 down</title>"), "{page}");
    assert!(page.contains("<a href=\"#server-1\"><bdi>127.0.0.1:1</bdi></a>"), "{page}");
    assert_eq!(page.matches("<rect class=\"ok\" ").count(), 2, "{page}");
    assert_eq!(page.matches("<rect class=\"bad\" ").count(), 2, "{page}");

    let one = Exporter::start(pgbouncer_exporter(), alone, &[("PG_EXPORTER_URL", &url)]).unwrap();
    scrape(&one);
    let text = assert_fits(&mut browser, &one, "one pooler");
    assert!(text.contains("all fetched") && !text.contains("failing"), "{text}");
}
