//! Rows that probes write through a service and read through another one.

use lab::{BouncerRelease, Major, PgBouncer, Postgres};
use support::{LIMIT, fenced, path, scrape, until};

use super::{Watch, service, url};

/// Creates the table as the guide says.
fn create_table(primary: &Postgres) {
    let guide = std::fs::read_to_string(path("docs/guide/services.md")).unwrap();
    let page = fenced::parse("services.md", &guide);
    let block = page.blocks.iter().find(|block| block.is("sql")).unwrap();
    primary.psql("postgres", &block.text).unwrap();
}

impl Watch {
    fn canary(&self, service: &str, metric: &str) -> Option<f64> {
        scrape(&self.exporter).value(&format!("pg_service_canary_{metric}"), &[("service", service)])
    }

    fn failures(&self, service: &str, hop: &str) -> f64 {
        let labels = [("service", service), ("hop", hop)];
        scrape(&self.exporter).value("pg_service_hop_failures_total", &labels).unwrap()
    }

    /// Waits for so many more committed writes.
    fn writes(&self, service: &str, more: f64) {
        let wanted = self.canary(service, "writes_total").unwrap_or_default() + more;
        until("the canary is written", || self.canary(service, "writes_total").is_some_and(|now| now >= wanted));
    }
}

#[test]
fn a_canary_is_written_and_seen_on_the_standby() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    let standby = primary.standby("standby1").unwrap();
    create_table(&primary);
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST)
        .database_line(&format!("postgres = host=127.0.0.1 port={} dbname=postgres", primary.port()))
        .start()
        .unwrap();
    let services = [
        service("rw", &url(primary.port()), "primary") + "  canary: monitor.canary\n",
        service("pooled", &url(pooler.port()), "primary") + "  canary: monitor.canary\n",
        service("ro", &url(standby.port()), "standby") + "  canary_of: rw\n  max_lag: 2\n",
        service("plain", &url(primary.port()), "any"),
    ]
    .concat();
    let watch = Watch::start(&primary.url("monitor", "postgres"), &services);
    watch.awaits("rw", "", "→ canary ");
    watch.writes("rw", 2.0);
    watch.writes("pooled", 2.0);
    watch.awaits("pooled", "", "→ canary ");
    watch.awaits("ro", "", "→ canary of ");
    until("the age is seen", || watch.canary("ro", "age_seconds").is_some_and(|age| (0.0..5.0).contains(&age)));
    let took = watch.canary("rw", "write_seconds").unwrap();
    assert!((0.0..2.0).contains(&took), "{took}");
    let page = scrape(&watch.exporter);
    assert!(page.samples("pg_service_canary_writes_total", &[("service", "ro")]).is_empty(), "{}", page.text);
    assert!(page.samples("pg_service_canary_age_seconds", &[("service", "rw")]).is_empty(), "{}", page.text);
    assert_eq!(page.text.matches("pg_service_canary_lost_total{").count(), 2, "{}", page.text);
    let rows =
        primary.psql("postgres", "select string_agg(service, ',' order by service) from monitor.canary").unwrap();
    assert_eq!(rows, "pooled,rw");

    // The standby gets no further, and says so itself, too.
    standby.psql("postgres", "select pg_wal_replay_pause()").unwrap();
    watch.awaits("ro", "canary", "on service rw was committed more than 2 s ago and is not visible");
    assert!(watch.canary("ro", "age_seconds").is_some_and(|age| age > 2.0));
    assert!(watch.fails_at("rw", ""));
    standby.psql("postgres", "select pg_wal_replay_resume()").unwrap();
    watch.awaits("ro", "", "→ canary of ");
    assert_eq!((watch.canary("rw", "lost_total"), watch.canary("pooled", "lost_total")), (Some(0.0), Some(0.0)));
}

#[test]
fn a_lost_write_is_counted_once() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    create_table(&primary);
    let services = service("rw", &url(primary.port()), "primary") + "  canary: monitor.canary\n";
    let watch = Watch::start(&primary.url("monitor", "postgres"), &services);
    watch.writes("rw", 3.0);
    for (lost, sql, words) in [
        (1.0, "delete from monitor.canary", "there is no row"),
        (2.0, "update monitor.canary set number = number - 2", "the row has number"),
    ] {
        primary.psql("postgres", sql).unwrap();
        until(sql, || watch.canary("rw", "lost_total") == Some(lost));
        watch.writes("rw", 3.0);
        assert_eq!(watch.canary("rw", "lost_total"), Some(lost), "{sql}");
        let log = watch.exporter.log();
        assert!(log.contains("canary lost: write ") && log.contains(words), "{log}");
        assert!(watch.fails_at("rw", ""));
    }
    // A row that another exporter wrote meanwhile is no loss.
    primary.psql("postgres", "update monitor.canary set number = number + 100").unwrap();
    watch.writes("rw", 2.0);
    assert_eq!(watch.canary("rw", "lost_total"), Some(2.0));
    assert_eq!(primary.psql("postgres", "select number > 100 from monitor.canary").unwrap(), "t");
}

#[test]
fn a_canary_that_cannot_be_written_says_why() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    let services = service("rw", &url(primary.port()), "primary") + "  canary: monitor.canary\n";
    let watch = Watch::start(&primary.url("monitor", "postgres"), &services);
    let page = watch.awaits("rw", "canary", "does not exist: create it in the database");
    assert_eq!(page.value("pg_service_up", &[("service", "rw")]), Some(1.0));
    create_table(&primary);
    watch.awaits("rw", "", "→ canary ");
    for (fault, words, mend) in [
        (
            "revoke update on monitor.canary from monitor",
            "permission denied for table canary: grant USAGE on the schema",
            "grant update on monitor.canary to monitor",
        ),
        (
            "alter role monitor set default_transaction_read_only = on",
            "read-only transaction: is default_transaction_read_only set",
            "alter role monitor reset default_transaction_read_only",
        ),
        (
            "alter table monitor.canary drop constraint canary_pkey",
            "the table needs the columns service (its primary key)",
            "alter table monitor.canary add primary key (service)",
        ),
        (
            "alter system set synchronous_standby_names = 'nobody'",
            "no answer within 2 s: does the commit wait for a synchronous standby",
            "alter system reset synchronous_standby_names",
        ),
    ] {
        primary.psql("postgres", fault).unwrap();
        primary.psql("postgres", "select pg_reload_conf()").unwrap();
        watch.awaits("rw", "canary", words);
        // Nothing keeps the next probe from its connection.
        let failures = watch.failures("rw", "canary");
        until("it fails there again", || watch.failures("rw", "canary") >= failures + 2.0);
        assert!(watch.fails_at("rw", "canary"), "{fault}");
        let hangs = "state = 'active' and query ~ '^INSERT' and clock_timestamp() - query_start > interval '3 s'";
        primary.wait_for(&format!("select not exists (select from pg_stat_activity where {hangs})"), LIMIT).unwrap();
        primary.psql("postgres", mend).unwrap();
        primary.psql("postgres", "select pg_reload_conf()").unwrap();
        watch.awaits("rw", "", "→ canary ");
    }
    for hop in ["server", "pooler", "query", "login"] {
        assert_eq!(watch.failures("rw", hop), 0.0, "{hop}");
    }
    assert_eq!(watch.canary("rw", "lost_total"), Some(0.0));
}
