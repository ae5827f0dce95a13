//! A role without pg_monitor: nothing false is exported, what is true stays, and the page says so.

use lab::{Major, Postgres};
use support::outcome::{exporter_of, scrape_until};
use support::scrape;

/// Families whose values come from columns that the role does not see.
const HIDDEN: [&str; 11] = [
    "pg_activity_count",
    "pg_activity_wait_sessions",
    "pg_backend_count",
    "pg_connection_used",
    "pg_downstream_count",
    "pg_downstream_standbys",
    "pg_repl_state",
    "pg_ssl_enabled",
    "pg_ssl_disabled",
    "pg_wait_count",
    "pg_xact_age_seconds_count",
];
/// Families that anybody can read.
const TRUE: [&str; 5] = ["pg_db_xact_commit", "pg_lock_count", "pg_lag", "pg_table_relid", "pg_xact_xmin"];

#[test]
fn a_role_without_pg_monitor_exports_nothing_false() {
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "create role nobody login password 'nobody'; create table t (n int)").unwrap();
        let url = server.url("nobody", "postgres").replace("nobody@", "nobody:nobody@");
        let exporter = exporter_of(&url, &["--disable-cache"]);
        let page = scrape(&exporter);
        assert!(page.is_up(), "{}", exporter.log());
        assert_eq!(page.value("pg_exporter_role_privileged", &[]), Some(0.0));
        let found = |names: &[&'static str]| {
            let families = page.families();
            names.iter().copied().filter(|name| families.contains(name)).collect::<Vec<_>>()
        };
        assert_eq!(found(&HIDDEN), Vec::<&str>::new(), "{major}");
        assert_eq!(found(&TRUE), TRUE, "{major}");
        let explained = exporter.get("/explain").unwrap().text();
        let grant = "would export false values without pg_read_all_stats: GRANT \"pg_read_all_stats\" TO \"nobody\"";
        assert!(explained.contains(grant), "{explained}");
        assert!(explained.contains("GRANT pg_monitor TO \"nobody\";"), "{explained}");

        server.psql("postgres", "grant pg_monitor to nobody").unwrap();
        let page = scrape_until(&exporter, "all is there", |page| {
            page.value("pg_exporter_role_privileged", &[]) == Some(1.0) && page.families().contains("pg_activity_count")
        });
        assert!(page.value("pg_connection_used", &[]) >= Some(1.0), "{}", page.text);
        server.psql("postgres", "revoke pg_monitor from nobody").unwrap();
        scrape_until(&exporter, "it is gone again", |page| !page.families().contains("pg_activity_count"));
    }
}

#[test]
fn a_superuser_sees_everything() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let page = scrape(&exporter_of(&server.url("postgres", "postgres"), &[]));
    assert_eq!(page.value("pg_exporter_role_privileged", &[]), Some(1.0));
}
