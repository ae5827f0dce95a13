//! Health endpoints while a catalog is locked: a load balancer must not lose a server that works.

use std::thread;
use std::time::{Duration, Instant};

use lab::{Exporter, Major, Postgres};
use postgres::{Client, NoTls};
use support::outcome::{exporter_of, scrape_timed};

/// Catalogs that planning, collectors or a login read.
const CATALOGS: [&str; 9] = [
    "pg_authid",
    "pg_database",
    "pg_auth_members",
    "pg_db_role_setting",
    "pg_namespace",
    "pg_extension",
    "pg_class",
    "pg_attribute",
    "pg_proc",
];

fn superuser(server: &Postgres) -> Client {
    Client::connect(&server.url("postgres", "postgres"), NoTls).unwrap()
}

fn answer(exporter: &Exporter, path: &str) -> (u16, String) {
    let answer = exporter.get(path).unwrap();
    (answer.status, answer.text())
}

/// Asks the endpoints as a load balancer does, while a scrape runs and after it, until this time has passed.
fn assert_stays_in_rotation(exporter: &Exporter, role: &str, catalog: &str) {
    let (right, wrong) = if role == "primary" { ("/primary", "/replica") } else { ("/replica", "/primary") };
    thread::scope(|scope| {
        let scrape = scope.spawn(|| scrape_timed(exporter, 5.0).0);
        let until = Instant::now() + Duration::from_millis(1200);
        while Instant::now() < until || !scrape.is_finished() {
            assert_eq!(answer(exporter, right), (200, role.to_owned()), "{catalog}\n{}", exporter.log());
            assert_eq!(answer(exporter, "/up"), (200, role.to_owned()), "{catalog}\n{}", exporter.log());
            assert_eq!(answer(exporter, wrong).0, 404, "{catalog}");
        }
        let page = scrape.join().unwrap();
        assert!(page.is_up(), "{catalog}: {:?}\n{}", page.reason(), exporter.log());
        let in_recovery = if role == "primary" { 0.0 } else { 1.0 };
        assert_eq!(page.value("pg_in_recovery", &[]), Some(in_recovery), "{catalog}");
    });
}

#[test]
fn locked_catalogs_do_not_take_a_primary_out_of_the_load_balancer() {
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        let exporter = exporter_of(&server.url("monitor", "postgres"), &["--disable-cache"]);
        assert!(support::scrape(&exporter).is_up());
        assert_eq!(answer(&exporter, "/primary"), (200, "primary".to_owned()));
        support::until("health endpoints have a connection of their own", || {
            assert_eq!(answer(&exporter, "/primary").0, 200);
            server.psql("postgres", "select count(*) from pg_stat_activity where usename = 'monitor'").unwrap() == "2"
        });
        for catalog in CATALOGS {
            let mut holder = superuser(&server);
            let mut lock = holder.transaction().unwrap();
            lock.batch_execute(&format!("lock table pg_catalog.{catalog} in access exclusive mode")).unwrap();
            assert_stays_in_rotation(&exporter, "primary", catalog);
            lock.rollback().unwrap();
        }
        let page = support::scrape(&exporter);
        assert_eq!((page.is_up(), page.failed()), (true, vec![]), "{}", exporter.log());
    }
}

#[test]
fn catalog_locked_at_start_does_not_mean_down() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let mut holder = superuser(&server);
    let mut lock = holder.transaction().unwrap();
    // A login does not read it.
    lock.batch_execute("lock table pg_catalog.pg_extension in access exclusive mode").unwrap();
    let exporter = exporter_of(&server.url("monitor", "postgres"), &["--disable-cache"]);
    assert_stays_in_rotation(&exporter, "primary", "pg_extension");
    let explained = answer(&exporter, "/explain").1;
    assert!(explained.contains("cannot read the system catalogs (lock)"), "{explained}");
    lock.rollback().unwrap();
    let page = support::scrape(&exporter);
    assert_eq!((page.is_up(), page.failed()), (true, vec![]), "{}", exporter.log());
    assert!(!answer(&exporter, "/explain").1.contains("cannot read the system catalogs"));
}
