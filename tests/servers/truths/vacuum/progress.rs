//! Commands that run, caught in a phase in which they must wait.

use super::*;

/// Of one collector, for the table `public.t` of the main database: the value of a metric.
fn progress(exporter: &Exporter, collector: &str, metric: &str) -> Option<f64> {
    scrape(exporter).value(&format!("{collector}_{metric}"), &[("datname", "postgres"), ("relname", "public.t")])
}

#[test]
fn shows_progress_of_running_commands() {
    std::thread::scope(|scope| {
        for major in Major::ALL {
            scope.spawn(move || {
                let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
                let sql = "create table t (id int, line text);
                           insert into t select id, repeat('x', 200) from generate_series(1, 40000) as id;
                           delete from t where id % 10 = 0; analyze t; create index t_id on t (id)";
                server.psql("postgres", sql).unwrap();
                // A copy of the main database, with the same OIDs.
                server.psql("template1", "create database app template postgres").unwrap();
                let exporter = exporter(&server, "postgres", &["--disable-cache"]);
                vacuum_that_sleeps(&server, &exporter, major);
                index_build_that_waits_for_a_writer(&server, &exporter);
                what_waits_in_an_index_expression(&server, &exporter);
                base_backup_at_a_crawl(&server, &exporter);
                scrape(&exporter).assert_clean(&format!("{major}"));
            });
        }
    });
}

fn vacuum_that_sleeps(server: &Postgres, exporter: &Exporter, major: Major) {
    let slowly = "set vacuum_cost_delay = '100ms'; set vacuum_cost_limit = 1";
    let timed = if major >= Major::V18 { "set track_cost_delay_timing = on" } else { "" };
    let vacuums: Vec<_> = ["postgres", "app"]
        .into_iter()
        .map(|database| {
            let mut client = session(server, database, &format!("{slowly}; {timed}"));
            (client.cancel_token(), std::thread::spawn(move || client.batch_execute("vacuum t")))
        })
        .collect();
    let value = |metric| progress(exporter, "pg_vacuuming", metric);
    until("both are seen", || scrape(exporter).samples("pg_vacuuming_phase", &[]).len() == 2);
    until("a few blocks are scanned", || value("scanned_blocks") > Some(2.0) && value("dead_tuples") > Some(0.0));
    let pages = number(server, "postgres", "select pg_relation_size('t') / 8192");
    assert_eq!((value("phase"), value("total_blocks")), (Some(1.0), Some(pages)), "{major}");
    assert_eq!((value("vacuumed_blocks"), value("index_rounds")), (Some(0.0), Some(0.0)), "{major}");
    assert!(value("progress") < Some(1.0) && value("elapsed_seconds") > Some(0.0), "{major}");
    if major >= Major::V17 {
        assert!(value("dead_tuple_bytes") > Some(0.0) && value("max_dead_tuple_bytes") > Some(0.0), "{major}");
    } else {
        assert!(value("max_dead_tuples") > Some(0.0), "{major}");
    }
    if major >= Major::V18 {
        until("it has slept", || value("delay_time") > Some(0.1));
    }
    // The table of the other database is not taken for one of this.
    let oid = server.psql("app", "select 't'::regclass::oid").unwrap();
    let page = scrape(exporter);
    assert_eq!(page.value("pg_vacuuming_phase", &[("datname", "app"), ("relname", &oid)]), Some(1.0), "{major}");
    for (token, vacuum) in vacuums {
        token.cancel_query(NoTls).unwrap();
        assert!(vacuum.join().unwrap().is_err(), "was cancelled");
    }
    assert_eq!(value("phase"), None, "{major}");
}

fn index_build_that_waits_for_a_writer(server: &Postgres, exporter: &Exporter) {
    let mut writer = session(server, "postgres", "begin; insert into t values (0)");
    let build = waiting(server, "postgres", "create index concurrently on t (line)");
    let value = |metric| progress(exporter, "pg_indexing", metric);
    until("it waits", || value("phase") == Some(1.0) && value("total_lockers") == Some(1.0));
    assert_eq!((value("done_lockers"), value("lockers")), (Some(0.0), Some(0.0)));
    assert!(value("elapsed_seconds") > Some(0.0));
    writer.batch_execute("commit").unwrap();
    build.join().unwrap().unwrap();
    assert_eq!(value("phase"), None);
}

/// An index on a function that waits for an advisory lock: whoever computes it stands still.
fn what_waits_in_an_index_expression(server: &Postgres, exporter: &Exporter) {
    let sql = "create function held(int) returns int immutable language plpgsql
                 as 'begin perform pg_catalog.pg_advisory_xact_lock_shared(1); return $1; end'";
    server.psql("postgres", sql).unwrap();
    let mut holder = session(server, "postgres", "select pg_advisory_lock(1)");
    let value = |collector, metric| progress(exporter, collector, metric);
    let mut held_up = |sql: &str, arrived: &dyn Fn() -> bool| {
        let runs = waiting(server, "postgres", sql);
        until(sql, arrived);
        holder.batch_execute("select pg_advisory_unlock(1)").unwrap();
        runs.join().unwrap().unwrap();
        holder.batch_execute("select pg_advisory_lock(1)").unwrap();
    };
    held_up("create index t_held on t (held(id)) where id < 100", &|| {
        value("pg_indexing", "phase") == Some(2.0) && value("pg_indexing", "total_blocks") > Some(1000.0)
    });
    let rows = number(server, "postgres", "select count(*) from t");
    let blocks = number(server, "postgres", "select pg_relation_size('t') / 8192");
    // The function waits in the third index, so that two are rebuilt.
    held_up("vacuum full t", &|| {
        value("pg_clustering", "phase") == Some(6.0) && value("pg_clustering", "rebuilt_indexes") == Some(2.0) && {
            let seen = ["tup_written", "total_blocks", "scanned_blocks", "progress"];
            assert_eq!(seen.map(|metric| value("pg_clustering", metric).unwrap()), [rows, blocks, blocks, 1.0]);
            value("pg_clustering", "elapsed_seconds") > Some(0.0)
        }
    });
    let blocks = number(server, "postgres", "select pg_relation_size('t') / 8192");
    held_up("analyze t", &|| {
        value("pg_analyzing", "phase") == Some(3.0) && {
            let seen = ["total_blocks", "scanned_blocks", "progress"];
            assert_eq!(seen.map(|metric| value("pg_analyzing", metric).unwrap()), [blocks, blocks, 1.0]);
            value("pg_analyzing", "elapsed_seconds") > Some(0.0)
        }
    });
}

fn base_backup_at_a_crawl(server: &Postgres, exporter: &Exporter) {
    let target = server.socket_dir().join("backup");
    let mut command = server.bin("pg_basebackup");
    let mut backup = command
        .args(["--checkpoint=fast", "--no-sync", "--max-rate=32", "--progress", "--format=tar", "--wal-method=fetch"])
        .arg("--pgdata")
        .arg(&target)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let value = |metric: &str| {
        let page = scrape(exporter);
        page.samples(&format!("pg_backup_{metric}"), &[]).first().map(|sample| sample.value)
    };
    until("it sends", || value("phase") == Some(3.0) && value("sent_bytes") > Some(0.0));
    assert!(value("total_bytes") > value("sent_bytes") && value("elapsed_seconds") > Some(0.0));
    assert_eq!((value("total_tablespaces"), value("sent_tablespaces")), (Some(1.0), Some(0.0)));
    backup.kill().unwrap();
    backup.wait().unwrap();
}
