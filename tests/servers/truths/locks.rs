//! The lock table, and who waits for whom.

use std::collections::BTreeMap;

use lab::{Major, Postgres};
use support::outcome::scrape_until;
use support::{LIMIT, Page, exporter, scrape};

use super::activity::{number, release, session, until_waiting, waiting};

/// Objects in the lock table by the server's own view, without those of the session that asks.
const ENTRIES: &str = "select count(*) from (
    select distinct locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid
      from pg_locks where not fastpath and mode <> 'SIReadLock' and pid is distinct from pg_backend_pid()) l";

#[test]
fn lock_table_counts_each_object_once_and_no_fast_path() {
    for major in Major::ALL {
        let builder = Postgres::builder(major).setting("autovacuum", "off").setting("max_prepared_transactions", "5");
        let server = builder.start().unwrap();
        server.psql("postgres", "create table t (id int); create table u (id int)").unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let entries = |page: &Page| page.value("pg_lock_table_entries", &[]).unwrap();
        let before = entries(&scrape(&exporter));
        assert_eq!(before, number(&server, "postgres", ENTRIES), "{major}: idle");

        let many = "begin; select pg_advisory_xact_lock(n) from generate_series(1, 150) n; select pg_advisory_xact_lock_shared(0)";
        let shared = "begin; select pg_advisory_xact_lock_shared(0)";
        let held = [many, shared, "begin; select * from t", "begin isolation level serializable; select * from u"];
        let mut held: Vec<_> = held.into_iter().map(|sql| session(&server, "postgres", sql)).collect();
        server.psql("postgres", "begin; select pg_advisory_xact_lock(200); prepare transaction 'held'").unwrap();
        let fast = "select count(*) filter (where fastpath) > 0 and count(*) filter (where mode = 'SIReadLock') > 0
                      from pg_locks where pid <> pg_backend_pid()";
        server.wait_for(fast, LIMIT).unwrap();
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, locks"));
        // 150 of one session, one that two have, two of a prepared transaction: its own and its identifier.
        assert_eq!(entries(&page), before + 153.0, "{major}");
        assert_eq!(entries(&page), number(&server, "postgres", ENTRIES), "{major}");

        held.iter_mut().for_each(|client| client.batch_execute("rollback").unwrap());
        server.psql("postgres", "rollback prepared 'held'").unwrap();
        assert_eq!(entries(&scrape(&exporter)), before, "{major}");
    }
}

/// The labels of each session that waits, by its process id.
fn waits(page: &Page) -> BTreeMap<String, [String; 5]> {
    let samples = page.samples("pg_blocked_wait_seconds", &[]).into_iter();
    let labels = ["datname", "blocked_by", "locktype", "mode", "query_id"];
    samples.map(|one| (one.labels["pid"].clone(), labels.map(|label| one.labels[label].clone()))).collect()
}

/// What the server's own functions say of those that wait.
fn told(server: &Postgres) -> BTreeMap<String, [String; 5]> {
    let sql = "select l.pid, a.datname, (pg_blocking_pids(l.pid))[1], l.locktype, l.mode, a.query_id
                 from pg_locks l join pg_stat_activity a using (pid) where not l.granted";
    let answer = server.psql("postgres", sql).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::to_owned);
        (cells.next().unwrap(), std::array::from_fn(|_| cells.next().unwrap()))
    };
    answer.lines().map(row).collect()
}

#[test]
fn each_waiting_session_is_shown_with_its_blocker() {
    for major in Major::ALL {
        let settings = Postgres::builder(major).setting("max_prepared_transactions", "5");
        let server = settings.setting("deadlock_timeout", "1h").start().unwrap();
        server.psql("postgres", "create table t (id int); create database app").unwrap();
        server.psql("app", "create table t (id int)").unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache", "--exclude-database=app"]);
        let page = || {
            let page = scrape(&exporter);
            page.assert_clean(&format!("{major}"));
            page
        };
        assert!(waits(&page()).is_empty(), "{major}: nobody waits");

        // A queue: the second waits for the first, which waits for the holder.
        let lock = "begin; lock table t in access exclusive mode; commit";
        let mut holder = session(&server, "postgres", "begin; lock table t in access share mode");
        let holder_pid = holder.query_one("select pg_backend_pid()", &[]).unwrap().get::<_, i32>(0).to_string();
        let mut waiters = vec![waiting(&server, "postgres", lock)];
        until_waiting(&server, 1);
        let first = told(&server);
        let (first_pid, labels) = first.iter().next().unwrap();
        assert_eq!(labels[..4], ["postgres", &holder_pid, "relation", "AccessExclusiveLock"], "{major}");
        assert_ne!(labels[4], "", "{major}: the library computes identifiers");
        waiters.push(waiting(&server, "postgres", "select * from t"));
        let mut elsewhere = session(&server, "app", "begin; insert into t values (1); update t set id = 2");
        elsewhere.batch_execute("lock table t in share mode").unwrap();
        let in_app = waiting(&server, "app", "insert into t values (1)");
        until_waiting(&server, 3);
        let seen = page();
        assert_eq!(waits(&seen), told(&server), "{major}");
        assert_eq!(
            seen.samples("pg_blocked_wait_seconds", &[("blocked_by", first_pid.as_str())]).len(),
            1,
            "{major}: in the queue"
        );
        assert_eq!(seen.samples("pg_blocked_wait_seconds", &[("datname", "app")]).len(), 1, "{major}");
        let seconds = |page: &Page| page.value("pg_blocked_wait_seconds", &[("pid", first_pid.as_str())]).unwrap();
        let longest = "select extract(epoch from max(clock_timestamp() - waitstart)) from pg_locks";
        let before = number(&server, "postgres", longest);
        let waited = seconds(&page());
        assert!(before <= waited && waited <= number(&server, "postgres", longest), "{major}: {before} {waited}");
        holder.batch_execute("commit").unwrap();
        elsewhere.batch_execute("commit").unwrap();
        waiters.push(in_app);
        release(&server, waiters);

        // A prepared transaction has no process.
        server.psql("postgres", "begin; lock table t in access exclusive mode; prepare transaction 'held'").unwrap();
        let waiters = vec![waiting(&server, "postgres", lock)];
        until_waiting(&server, 1);
        let seen = page();
        assert_eq!(waits(&seen), told(&server), "{major}");
        assert_eq!(seen.label_values("pg_blocked_wait_seconds", "blocked_by"), ["0"].into(), "{major}");
        server.psql("postgres", "commit prepared 'held'").unwrap();
        release(&server, waiters);
        scrape_until(&exporter, "nobody waits any more", |page| waits(page).is_empty());
    }
}
