//! Three faults at once: a standby with paused replay, a full pool, a repository that accepts no backup.

use lab::{Architecture, Service};
use postgres::{Client, NoTls};

use super::LIMIT;
use super::load::conninfo;

/// The tiles of the overview that must be green before and must not be green then.
pub const TILES: [&str; 4] = [
    "Max replication lag (time)",
    "PgBouncer: longest client wait",
    "WAL archiving failures (1 h)",
    "Backup repository status",
];

/// The tile that counts alerts; on a busy machine late scrapes have theirs before.
pub const ALERTS: &str = "Firing alerts";

/// More clients than the ten connections of the pool.
const CLIENTS: usize = 16;

/// What holds on as long as the faults are wanted.
pub struct Broken(#[expect(dead_code, reason = "held")] Vec<std::thread::JoinHandle<()>>);

/// Causes them, and waits until Prometheus knows.
pub fn cause(architecture: &Architecture) -> Broken {
    let replica = &architecture.nodes[architecture.replica().unwrap()].member;
    // Patroni would resume it.
    replica.patronictl(&["pause", "--wait"]).unwrap();
    replica.psql("postgres", "select pg_wal_replay_pause()").unwrap();

    let conninfo = conninfo(architecture, Service::Primary);
    let client = || {
        let conninfo = conninfo.clone();
        // Ends with the pooler.
        std::thread::spawn(move || {
            Client::connect(&conninfo, NoTls)
                .and_then(|mut client| client.batch_execute("select pg_sleep(600)"))
                .unwrap_or(())
        })
    };
    let clients = (0..CLIENTS).map(|_| client()).collect();

    lose_indexes_of(architecture);
    let failed = architecture.backrest.backup("pg-lab", "incr", &[]);
    assert!(failed.is_err(), "a backup into a repository without its indexes");
    let primary = &architecture.nodes[architecture.primary().unwrap()].member;
    primary.psql("postgres", "select pg_switch_wal()").unwrap();

    let seen = [
        "pg_lag > 30",
        "pgbouncer_pool_maxwait_seconds > 10",
        "pg_archiver_failed_count > 0",
        "pgbackrest_stanza_status > 0",
    ];
    for one in seen {
        architecture.prometheus.wait_for(one, LIMIT).unwrap();
    }
    architecture.prometheus.wait_for(r#"count(ALERTS{alertstate="firing",severity="critical"}) > 0"#, LIMIT).unwrap();
    Broken(clients)
}

/// Renames the files by which pgBackRest knows its repository.
fn lose_indexes_of(architecture: &Architecture) {
    let repository = architecture.backrest.folder().join("repo1");
    for (folder, file) in [("archive", "archive.info"), ("backup", "backup.info")] {
        for name in [file.to_owned(), format!("{file}.copy")] {
            let place = repository.join(folder).join("pg-lab").join(&name);
            std::fs::rename(&place, place.with_file_name(format!("lost-{name}"))).unwrap();
        }
    }
}
