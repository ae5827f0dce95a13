//! Standbys, slots, subscriptions.

use lab::{Exporter, Major, Postgres};
use support::outcome::scrape_until;
use support::{LIMIT, Page, exporter, scrape};

use super::storage::{assert_between, number};

#[test]
fn a_paused_standby_is_behind_by_what_was_written() {
    for major in Major::ALL {
        let primary = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        primary.psql("postgres", "create table filled (t text)").unwrap();
        let standby = primary.standby("standby1").unwrap();
        let args = ["--disable-cache"];
        let (feeding, fed) = (exporter(&primary, "postgres", &args), exporter(&standby, "postgres", &args));
        standby.psql("postgres", "select pg_wal_replay_pause()").unwrap();
        standby.wait_for("select pg_get_wal_replay_pause_state() = 'paused'", LIMIT).unwrap();
        let begin = number(&primary, "select pg_current_wal_lsn() - '0/0'");
        primary.psql("postgres", "insert into filled select repeat('x', 500) from generate_series(1, 5000)").unwrap();
        let written = number(&primary, &format!("select pg_current_wal_lsn() - '0/0' - {begin}"));
        assert!(written > 2_500_000.0, "{major}: {written}");

        let received = "select flush_lsn = pg_current_wal_lsn() and replay_lsn < flush_lsn from pg_stat_replication";
        primary.wait_for(received, LIMIT).unwrap();
        let receiver = [("appname", "standby1")];
        let page = scrape(&feeding);
        page.assert_clean(&format!("{major}, feeding"));
        let behind = page.value("pg_repl_replay_diff", &receiver).unwrap();
        // A little is written by the server itself meanwhile.
        assert!((written..written + 100_000.0).contains(&behind), "{major}: {behind} of {written}");
        assert!(page.value("pg_repl_flush_diff", &receiver).unwrap() < 100_000.0, "{major}");
        assert_eq!(page.value("pg_downstream_count", &[("state", "streaming")]), Some(1.0), "{major}");

        let page = scrape(&fed);
        page.assert_clean(&format!("{major}, fed"));
        assert_eq!(page.value("pg_is_wal_replay_paused", &[]), Some(1.0), "{major}");
        let apart = page.value("pg_receive_lsn", &[]).unwrap() - page.value("pg_replay_lsn", &[]).unwrap();
        assert!((written..written + 100_000.0).contains(&apart), "{major}: {apart} of {written}");
        assert_eq!(page.value("pg_recv_state", &[]), Some(0.0), "{major}");
        let flushed = "select flushed_lsn - '0/0' from pg_stat_wal_receiver";
        assert_between(&standby, flushed, "flushed", || scrape(&fed).value("pg_recv_flush_lsn", &[]));
        let files = page.samples("pg_wal_dir_files", &[]).iter().map(|sample| sample.value).sum::<f64>();
        assert_eq!(files, number(&standby, "select count(*) from pg_ls_waldir()"), "{major}");

        standby.psql("postgres", "select pg_wal_replay_resume()").unwrap();
        scrape_until(&feeding, "it has caught up", |page| page.value("pg_repl_replay_diff", &receiver) == Some(0.0));
        assert_restartpoints(&primary, &standby, &fed);
        assert_sequences(&primary, &standby, &fed);
        assert_invalid_index(&primary, &standby, &feeding, &fed);
    }
}

/// A standby cannot tell an index that is being built from one that is broken: it counts none, and says so by no sample.
fn assert_invalid_index(primary: &Postgres, standby: &Postgres, feeding: &Exporter, fed: &Exporter) {
    primary.psql("postgres", "create table same as select 1 as id from generate_series(1, 2)").unwrap();
    assert!(primary.psql("postgres", "create unique index concurrently broken on same (id)").is_err());
    standby.wait_for("select count(*) = 1 from pg_index where not indisvalid", LIMIT).unwrap();
    let of = |exporter: &Exporter| {
        let page = scrape(exporter);
        page.assert_clean(&format!("{}, invalid index", primary.major()));
        let counted = ["invalid", "unused"].map(|reason| page.value(&format!("pg_index_waste_{reason}"), &[]));
        (counted, page.samples("pg_index_worst_bytes", &[("reason", "invalid")]).len())
    };
    assert_eq!(of(feeding), ([Some(1.0), Some(0.0)], 1), "{}", primary.major());
    assert_eq!(of(fed), ([None, Some(0.0)], 0), "{}", primary.major());
}

/// A standby reads sequences, but for those that have no file there.
fn assert_sequences(primary: &Postgres, standby: &Postgres, fed: &Exporter) {
    let unlogged = if primary.major() >= Major::V15 { "unlogged" } else { "" };
    let sql = format!(
        "grant pg_read_all_data to monitor; create {unlogged} sequence unsure; create sequence near maxvalue 1001;
         select nextval('unsure'); select setval('near', 901)"
    );
    primary.psql("postgres", &sql).unwrap();
    standby.wait_for("select count(*) = 2 from pg_class where relkind = 'S'", LIMIT).unwrap();
    let near = |page: &Page| page.value("pg_seq_used_ratio", &[("seqname", "public.near")]) == Some(0.9);
    let page = scrape_until(fed, "the standby has the sequence", near);
    page.assert_clean(&format!("{}, sequences", primary.major()));
    let unsure = page.value("pg_seq_last_value", &[("seqname", "public.unsure")]);
    assert_eq!(unsure.is_none(), primary.major() >= Major::V15);
}

/// A standby makes restartpoints of the primary's checkpoints; they are counted since 17.
fn assert_restartpoints(primary: &Postgres, standby: &Postgres, fed: &Exporter) {
    primary.psql("postgres", "checkpoint").unwrap();
    let position = primary.psql("postgres", "select pg_current_wal_lsn()").unwrap();
    standby.wait_for(&format!("select pg_last_wal_replay_lsn() >= '{position}'"), LIMIT).unwrap();
    let requested = scrape(fed).value("pg_checkpointer_restartpoints_req", &[]);
    assert_eq!(requested.is_some(), primary.major() >= Major::V17);
    standby.psql("postgres", "checkpoint").unwrap();
    scrape_until(fed, "a restartpoint is counted", |page| {
        let done = page.value("pg_checkpointer_restartpoints_done", &[]);
        page.value("pg_checkpointer_restartpoints_req", &[]) == requested.map(|before| before + 1.0)
            && done.is_none_or(|done| done >= 1.0)
    });
    let redo = number(standby, "select redo_lsn - '0/0' from pg_control_checkpoint()");
    assert_eq!(scrape(fed).value("pg_checkpoint_redo_lsn", &[]), Some(redo));
}

#[test]
fn an_inactive_slot_keeps_wal_until_it_is_lost() {
    for major in Major::ALL {
        let builder = Postgres::builder(major).setting("autovacuum", "off").setting("max_slot_wal_keep_size", "64MB");
        let server = builder.setting("min_wal_size", "32MB").setting("max_wal_size", "32MB").start().unwrap();
        let sql = "create table filled (t text);
                   select pg_create_physical_replication_slot('left', true);
                   select pg_create_logical_replication_slot('decoded', 'pgoutput', false, true)";
        server.psql("postgres", sql).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let slot = [("slot_name", "left"), ("slot_type", "physical")];
        let of_slot = |page: &Page, name: &str| page.value(&format!("pg_slot_{name}"), &slot);
        let switch = |times: u32| {
            for _ in 0..times {
                server.psql("postgres", "insert into filled values ('x'); select pg_switch_wal()").unwrap();
            }
            server.psql("postgres", "checkpoint").unwrap();
        };
        switch(2);
        let retained = "select pg_current_wal_lsn() - restart_lsn from pg_replication_slots where slot_name = 'left'";
        assert_between(&server, retained, "retained", || of_slot(&scrape(&exporter), "retained_bytes"));
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, kept"));
        assert!(of_slot(&page, "retained_bytes").unwrap() > 16.0 * 1024.0 * 1024.0, "{major}");
        assert_eq!((of_slot(&page, "active"), of_slot(&page, "active_pid")), (Some(0.0), None), "{major}");
        let safe = number(&server, "select safe_wal_size from pg_replication_slots where slot_name = 'left'");
        assert!(
            of_slot(&page, "safe_wal_size").is_some_and(|found| found >= safe && found < safe + 100_000.0),
            "{major}"
        );
        let kept = page.value("pg_wal_dir_files", &[("state", "kept")]).unwrap();
        assert_eq!(kept, 2.0, "{major}");
        let decoded = |name: &str| page.value(&format!("pg_slot_{name}"), &[("slot_name", "decoded")]);
        assert_eq!(decoded("two_phase"), Some(1.0), "{major}");
        assert_eq!(decoded("two_phase_at").is_some(), major >= Major::V18, "{major}");
        assert_eq!(decoded("conflicting"), (major >= Major::V16).then_some(0.0), "{major}");
        if major >= Major::V17 {
            let since = "select extract(epoch from inactive_since) from pg_replication_slots where slot_name = 'left'";
            assert!((of_slot(&page, "inactive_since").unwrap() - number(&server, since)).abs() < 1e-3, "{major}");
            assert_eq!(of_slot(&page, "invalidation_reason"), Some(0.0), "{major}");
        }

        switch(6);
        let page = scrape_until(&exporter, "the slot is lost", |page| of_slot(page, "wal_status") == Some(3.0));
        assert_eq!(of_slot(&page, "invalidation_reason"), (major >= Major::V17).then_some(1.0), "{major}");
        assert_eq!(of_slot(&page, "retained_bytes"), None, "{major}");
    }
}

#[test]
fn counts_errors_of_a_conflicting_subscription() {
    for major in Major::ALL {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "create database pub").unwrap();
        server.psql("postgres", "create database sub").unwrap();
        let table = "create table thing (id int primary key, t text)";
        server.psql("pub", &format!("{table}; create publication p for table thing")).unwrap();
        // In a transaction of its own: the subscriber's database is of the same server.
        server.psql("pub", "select pg_create_logical_replication_slot('s', 'pgoutput')").unwrap();
        let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname=pub", server.port());
        let subscribe = format!(
            "{table}; insert into thing values (1, 'own');
             create subscription s connection '{conninfo}' publication p with (create_slot = false, copy_data = false)"
        );
        server.psql("sub", &subscribe).unwrap();
        // One of the same name in another database.
        let idle = format!("create subscription s connection '{conninfo}' publication p with (connect = false)");
        server.psql("pub", &idle).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let of = |page: &Page, database: &str, name: &str| {
            page.value(&format!("pg_sub_{name}"), &[("datname", database), ("subname", "s")])
        };
        let of_sub = |page: &Page, name: &str| of(page, "sub", name);
        let page = scrape_until(&exporter, "it works", |page| {
            of_sub(page, "has_worker") == Some(1.0) && of_sub(page, "received_lsn").is_some()
        });
        page.assert_clean(&format!("{major}, subscribed"));
        assert_eq!(of_sub(&page, "enabled"), Some(1.0), "{major}");
        assert_eq!(of(&page, "pub", "enabled"), Some(0.0), "{major}");
        assert_eq!(of_sub(&page, "disable_on_error"), (major >= Major::V15).then_some(0.0), "{major}");
        let ready = [("datname", "sub"), ("subname", "s"), ("state", "r")];
        assert_eq!(page.value("pg_subrel_count", &ready), Some(1.0), "{major}");
        assert_eq!(page.value("pg_pubrel_count", &[("datname", "pub"), ("pubname", "p")]), Some(1.0), "{major}");
        assert_eq!(page.value("pg_slot_active", &[("slot_name", "s")]), Some(1.0), "{major}");

        server.psql("pub", "insert into thing values (1, 'theirs')").unwrap();
        if major >= Major::V15 {
            let failing = |page: &Page| of_sub(page, "apply_error_count").is_some_and(|errors| errors >= 1.0);
            let page = scrape_until(&exporter, "the error is counted", failing);
            assert_eq!(of_sub(&page, "sync_error_count"), Some(0.0), "{major}");
            let errors = "select sum(apply_error_count) from pg_stat_subscription_stats";
            assert_between(&server, errors, "errors", || of_sub(&scrape(&exporter), "apply_error_count"));
        }
        if major >= Major::V18 {
            let page = scrape(&exporter);
            assert!(of_sub(&page, "confl_insert_exists").is_some_and(|conflicts| conflicts >= 1.0), "{major}");
            assert_eq!(of_sub(&page, "confl_update_missing"), Some(0.0), "{major}");
        }

        server.psql("sub", "alter subscription s disable").unwrap();
        let page = scrape_until(&exporter, "it is off", |page| of_sub(page, "has_worker") == Some(0.0));
        assert_eq!(of_sub(&page, "enabled"), Some(0.0), "{major}");
    }
}
