//! What the rules about replication need to know: how many standbys commits wait for, which walsenders serve standbys,
//! how a standby gets its WAL; and damage in shared catalogs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

use lab::{Major, Postgres};
use support::outcome::scrape_until;
use support::{LIMIT, Page, exporter, scrape};

use super::storage::number;

/// Settings of synchronous_standby_names, and how many standbys a commit waits for.
const SYNCHRONOUS: [(&str, f64); 15] = [
    ("s1", 1.0),
    ("*", 1.0),
    ("s1, s2", 1.0),
    ("5, s2", 1.0),
    ("2 (s1, s2)", 2.0),
    ("  12\t( s1,s2 )", 12.0),
    ("ANY 2 (s1, s2, s3)", 2.0),
    ("any 3(s1,s2,s3)", 3.0),
    ("aNy 2 (*)", 2.0),
    ("FIRST 1 (s1, s2)", 1.0),
    ("first\t4 (s1, \"s 2\")", 4.0),
    ("FIRST 2 (\"ANY 3 (x)\", \"5 (\")", 2.0),
    ("\"ANY 3 (x)\", s2", 1.0),
    ("\"4 (x)\"", 1.0),
    ("\"first\", any_2", 1.0),
];

#[test]
fn commits_wait_for_as_many_standbys_as_required() {
    let required = |page: &Page| page.value("pg_sync_standby_required", &[]);
    for major in Major::ALL {
        let server = Postgres::start(major).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}"));
        assert_eq!(required(&page), Some(0.0), "{major}: off");
        let set = |name: &str, value: &str| {
            server.psql("postgres", &format!("alter system set {name} = $${value}$$")).unwrap();
            server.psql("postgres", "select pg_reload_conf()").unwrap();
            server.wait_for(&format!("select current_setting('{name}') = $${value}$$"), LIMIT).unwrap();
        };
        for (names, expected) in SYNCHRONOUS {
            set("synchronous_standby_names", names);
            assert_eq!(required(&scrape(&exporter)), Some(expected), "{major}: {names}");
        }
        set("synchronous_standby_names", "ANY 2 (s1, s2, s3)");
        for (level, expected) in [("local", 0.0), ("remote_apply", 2.0), ("off", 0.0), ("remote_write", 2.0)] {
            set("synchronous_commit", level);
            assert_eq!(required(&scrape(&exporter)), Some(expected), "{major}: {level}");
        }
    }
}

/// A program that is killed at the end.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn only_standbys_count_as_standbys() {
    for major in Major::ALL {
        let primary = Postgres::start(major).unwrap();
        let exporter = exporter(&primary, "postgres", &["--disable-cache"]);
        let counts = |page: &Page| {
            let streaming = page.value("pg_downstream_count", &[("state", "streaming")]);
            (streaming, page.value("pg_downstream_standbys", &[]))
        };
        assert_eq!(counts(&scrape(&exporter)), (Some(0.0), Some(0.0)), "{major}");
        let standby = primary.standby("standby1").unwrap();
        let is_one = |page: &Page| counts(page) == (Some(1.0), Some(1.0));
        scrape_until(&exporter, "the standby counts", is_one).assert_clean(&format!("{major}"));

        // Two that store WAL, one of them under the name of a standby, one that decodes it, and a subscriber.
        let archive = |name: &str| {
            let folder = primary.socket_dir().join(name);
            assert!(primary.bin("mkdir").arg(&folder).status().unwrap().success());
            let mut receiver = primary.bin("pg_receivewal");
            receiver.arg("--directory").arg(&folder).args(["--dbname", &format!("application_name={name}")]);
            Running::start(receiver)
        };
        primary.psql("postgres", "select pg_create_logical_replication_slot('decoded', 'test_decoding')").unwrap();
        let mut decoder = primary.bin("pg_recvlogical");
        decoder.args(["--start", "--slot", "decoded", "--dbname", "postgres", "--file", "/dev/null"]);
        let running = [archive("standby2"), archive("archive"), Running::start(decoder)];
        subscribe(&primary);
        let page = scrape_until(&exporter, "all stream", |page| counts(page).0 == Some(5.0));
        page.assert_clean(&format!("{major}, all"));
        assert_eq!(counts(&page).1, Some(1.0), "{major}");
        drop(running);
        drop(standby);
        scrape_until(&exporter, "the standby is gone", |page| counts(page).1 == Some(0.0));
    }
}

/// A subscription between two databases of the server, which reports what it has applied.
fn subscribe(server: &Postgres) {
    for database in ["pub", "sub"] {
        server.psql("postgres", &format!("create database {database}")).unwrap();
        server.psql(database, "create table thing (id int primary key)").unwrap();
    }
    server.psql("pub", "create publication p for table thing").unwrap();
    // In a transaction of its own: the subscriber's database is of the same server.
    server.psql("pub", "select pg_create_logical_replication_slot('s', 'pgoutput')").unwrap();
    let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname=pub", server.port());
    let options = "create_slot = false, copy_data = false, slot_name = s";
    let sql = format!("create subscription s connection '{conninfo}' publication p with ({options})");
    server.psql("sub", &sql).unwrap();
    let applied =
        "select count(*) = 1 from pg_stat_replication where application_name = 's' and replay_lsn is not null";
    server.wait_for(applied, LIMIT).unwrap();
}

#[test]
fn a_standby_says_how_it_gets_and_when_it_replays_wal() {
    let facts = |page: &Page| {
        ["archive_only", "min_apply_delay_seconds"].map(|name| page.value(&format!("pg_standby_{name}"), &[]))
    };
    for major in Major::ALL {
        let primary = Postgres::builder(major).setting("archive_mode", "on").start().unwrap();
        let archive = primary.socket_dir().join("archive").display().to_string();
        let set = |server: &Postgres, name: &str, value: &str| {
            server.psql("postgres", &format!("alter system set {name} = '{value}'")).unwrap();
            server.psql("postgres", "select pg_reload_conf()").unwrap();
            server.wait_for(&format!("select current_setting('{name}') = '{value}'"), LIMIT).unwrap();
        };
        set(&primary, "archive_command", &format!("mkdir -p {archive} && cp %p {archive}/%f"));
        primary.psql("postgres", "create table t (id int)").unwrap();
        let standby = primary.standby("standby1").unwrap();
        let (on_primary, on_standby) = (
            exporter(&primary, "postgres", &["--disable-cache"]),
            exporter(&standby, "postgres", &["--disable-cache"]),
        );
        assert_eq!(facts(&scrape(&on_primary)), [None, None], "{major}: a primary");
        assert_eq!(facts(&scrape(&on_standby)), [Some(0.0), Some(0.0)], "{major}: it streams");
        set(&standby, "recovery_min_apply_delay", "150s");
        set(&standby, "restore_command", &format!("cp {archive}/%f %p"));
        assert_eq!(facts(&scrape(&on_standby)), [Some(0.0), Some(150.0)], "{major}: it can do both");

        set(&standby, "recovery_min_apply_delay", "0");
        set(&standby, "primary_conninfo", "");
        primary.psql("postgres", "insert into t values (1); select pg_switch_wal()").unwrap();
        standby.wait_for("select count(*) = 1 from t", LIMIT).unwrap();
        let page = scrape(&on_standby);
        page.assert_clean(&format!("{major}, archive"));
        assert_eq!(facts(&page), [Some(1.0), Some(0.0)], "{major}");
        assert!(page.samples("pg_recv_state", &[]).is_empty(), "{major}: nothing streams");
    }
}

#[test]
fn damage_in_a_shared_catalog_is_counted() {
    for major in Major::ALL {
        let mut server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        let facts =
            |page: &Page| ["fails_total", "fail_time"].map(|name| page.value(&format!("pg_shared_cks_{name}"), &[]));
        let on = server.psql("postgres", "show data_checksums").unwrap() == "on";
        let page = scrape(&exporter(&server, "postgres", &[]));
        assert_eq!(facts(&page), [on.then_some(0.0), None], "{major}");

        // Comments on databases and roles: nobody reads them by the way.
        let file = server.psql("postgres", "select pg_relation_filepath('pg_shdescription')").unwrap();
        server.psql("postgres", "comment on database postgres is 'one'; checkpoint").unwrap();
        server.stop().unwrap();
        if !on {
            let mut checksums = server.bin("pg_checksums");
            checksums.args(["--enable", "--no-sync", "--pgdata"]).arg(server.data_dir());
            assert!(checksums.stdout(Stdio::null()).status().unwrap().success(), "{major}");
        }
        let damaged = File::options().write(true).open(server.data_dir().join(file)).unwrap();
        damaged.write_all_at(b"damage", 8000).unwrap();
        server.start_again().unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        assert_eq!(facts(&scrape(&exporter)), [Some(0.0), None], "{major}: not read yet");
        let begin = number(&server, "select extract(epoch from clock_timestamp())");
        assert!(server.psql("postgres", "select * from pg_shdescription").is_err(), "{major}");
        // Before 18 the server counts it for the database that the session was connected to.
        if major < Major::V18 {
            let labels = [("datname", "postgres")];
            let counted = |page: &Page| page.value("pg_db_cks_fails", &labels) == Some(1.0);
            let page = scrape_until(&exporter, "the damage is counted", counted);
            assert_eq!(facts(&page), [Some(0.0), None], "{major}");
            continue;
        }
        let page = scrape_until(&exporter, "the damage is counted", |page| facts(page)[0] == Some(1.0));
        page.assert_clean(&format!("{major}, damaged"));
        let end = number(&server, "select extract(epoch from clock_timestamp())");
        assert!(facts(&page)[1].is_some_and(|seconds| (begin..=end).contains(&seconds)), "{major}: {:?}", facts(&page));
        for sample in page.samples("pg_db_cks_fails", &[]) {
            assert_eq!(sample.value, 0.0, "{major}: no database has it: {sample:?}");
        }
    }
}
