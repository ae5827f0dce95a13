//! Clients that give every panel something to show.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lab::{Architecture, Process, Service};
use postgres::{Client, NoTls};

/// pgbench ends with the test.
const LONGEST: Duration = Duration::from_secs(600);

const TABLES: &str = "
create sequence ticket maxvalue 1000000;
create table parted (id int, word text) partition by range (id);
create table parted_1 partition of parted for values from (0) to (1000);
create table parted_rest partition of parted default;
insert into parted select n, repeat('x', 100) from generate_series(1, 5000) n;
create table unread (id int, word text);
create index unread_word on unread (word);
create function counted() returns bigint language plpgsql as 'begin return (select count(*) from parted); end';
";

/// What the panels of the server log show.
const LOGGED: &str = "
load 'auto_explain';
alter system set session_preload_libraries = 'auto_explain';
alter system set auto_explain.log_min_duration = 0;
alter system set auto_explain.log_format = 'json';
alter system set log_min_duration_sample = 0;
alter system set log_temp_files = 0;
alter system set log_connections = on;
alter system set log_disconnections = on;
alter system set log_autovacuum_min_duration = 0;
select pg_reload_conf();
";

/// What writers repeat: rows, a sort on disk, a row that others wait for, dead rows.
const WRITES: &str = "
begin; select nextval('ticket'); update pgbench_branches set bbalance = bbalance + 1; select pg_sleep(0.2); commit;
begin; set local work_mem = '64kB'; select count(*) from (select n from generate_series(1, 20000) n order by -n) sorted; commit;
insert into parted select 2000 + n, 'y' from generate_series(1, 50) n; delete from parted where id > 2000; select counted();
";

/// As above, without a row that others wait for.
const CALM_WRITES: &str = "
begin; select nextval('ticket'); set local work_mem = '64kB'; select count(*) from (select n from generate_series(1, 20000) n order by -n) sorted; commit;
insert into parted select 2000 + n, 'y' from generate_series(1, 50) n; delete from parted where id > 2000; select counted();
select pg_sleep(0.05);
";

const READS: &str = "select count(*) from parted; select pg_sleep(0.1)";

/// Clients at work until it is dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
    _pgbench: Process,
}

/// How a client of the pooled services connects; the password is the user's name.
pub fn conninfo(architecture: &Architecture, service: Service) -> String {
    let (port, user) = (architecture.haproxy.port(service), service.user());
    format!("host=127.0.0.1 port={port} user={user} password={user} dbname=postgres connect_timeout=10")
}

impl Load {
    /// Every panel has something to show, also those about sessions that wait for each other.
    pub fn start(architecture: &Architecture) -> Load {
        let work = [(Service::Primary, WRITES), (Service::Replica, READS)];
        Load::with(architecture, &[work, work].concat())
    }

    /// Without sessions that wait for each other.
    pub fn calm(architecture: &Architecture) -> Load {
        Load::with(architecture, &[(Service::Primary, CALM_WRITES), (Service::Replica, READS)])
    }

    fn with(architecture: &Architecture, work: &[(Service, &'static str)]) -> Load {
        let primary = architecture.wait_for_cluster(Duration::from_secs(60)).unwrap();
        let member = &architecture.nodes[primary].member;
        member.pgbench_init("postgres", 1).unwrap();
        member.psql("postgres", TABLES).unwrap();
        member.psql("postgres", LOGGED).unwrap();
        let pgbench = member.pgbench(architecture.haproxy.port(Service::Default), LONGEST).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let start = |&(service, sql): &(Service, &'static str)| {
            let (conninfo, stop) = (conninfo(architecture, service), Arc::clone(&stop));
            std::thread::spawn(move || repeat(&conninfo, sql, &stop))
        };
        let clients = work.iter().map(start).collect();
        Load { stop, clients, _pgbench: pgbench }
    }
}

/// A client whose connection breaks, as with a full pool, comes again.
fn repeat(conninfo: &str, sql: &str, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut client) = Client::connect(conninfo, NoTls) else { continue };
        while !stop.load(Ordering::Relaxed) && client.batch_execute(sql).is_ok() {}
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One that waits for a full pool ends with the pooler.
        self.clients.clear();
    }
}
