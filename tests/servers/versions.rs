//! Every supported version, primary and standby, read by a role that is only a member of pg_monitor: the embedded
//! collectors give what the catalogue says, the page is valid, the numbers are the server's own.

mod numbers;

use std::collections::BTreeSet;

use lab::{Exporter, Major, Postgres};
use support::catalogue::{Listed, catalogue};
use support::outcome::scrape_until;
use support::{LIMIT, Page, exporter, scrape, until};

/// Families that a server without any of what they tell does not have: family (or what it begins with, and `*`), where,
/// why.
const ABSENT: &[(&str, &[Role], &str)] = &[
    ("pg_archiver_failed_time", BOTH, "archiving is off"),
    ("pg_archiver_finish_time", BOTH, "archiving is off"),
    ("pg_db_cks_fail_time", BOTH, "no page was found with a wrong checksum"),
    ("pg_flush_lsn", &[Role::Standby], "a position of a primary"),
    ("pg_insert_lsn", &[Role::Standby], "a position of a primary"),
    ("pg_write_lsn", &[Role::Standby], "a position of a primary"),
    ("pg_last_replay_time", &[Role::Primary], "a time of a standby"),
    ("pg_receive_lsn", &[Role::Primary], "a position of a standby"),
    ("pg_replay_lsn", &[Role::Primary], "a position of a standby"),
    ("pg_repl_*", &[Role::Standby], "nobody is fed by it"),
    ("pg_repl_backend_xmin", BOTH, "the slot holds it"),
    ("pg_repl_*_lag", BOTH, "nothing was written in the last moments"),
    ("pg_slot_*", &[Role::Standby], "it has no slot"),
    ("pg_last_*_recovery_*", BOTH, "it is not in recovery from a backup"),
    ("pg_backup_*", BOTH, "no base backup runs"),
    ("pg_clustering_*", BOTH, "no CLUSTER or VACUUM FULL runs"),
    ("pg_indexing_*", BOTH, "no index is built"),
    ("pg_vacuuming_*", BOTH, "no vacuum runs"),
    ("pg_sub_*", BOTH, "it has no subscription"),
    ("pg_subrel_*", BOTH, "it has no subscription"),
    ("pg_query_jit_*", BOTH, "nothing was compiled"),
    ("pg_query_local_*", BOTH, "no temporary table was used"),
    ("pg_query_temp_*", BOTH, "nothing was too large for memory"),
    ("pg_query_plan*", BOTH, "planning is not tracked"),
    ("pg_query_*_plan_calls_total", BOTH, "no statement was prepared"),
    ("pg_query_parallel_*", BOTH, "no query ran in parallel"),
    ("pg_query_wal_buffers_full_total", BOTH, "the WAL buffers were never full"),
    ("pg_statement_*", BOTH, "no duration is logged"),
    ("pg_plan_*", BOTH, "auto_explain is not loaded"),
    ("pg_log_*", BOTH, "nothing of it was logged since the log is read"),
    ("pg_analyzing_*", BOTH, "no ANALYZE runs"),
    ("pg_copying_*", BOTH, "no COPY runs"),
    ("pg_lock_wait_*", BOTH, "nobody waits"),
    ("pg_blocked_wait_seconds", BOTH, "nobody waits"),
    ("pg_session_seconds_total", BOTH, "no session does anything"),
    ("pg_session_query_*", BOTH, "no session does anything"),
    ("pg_session_user_*", BOTH, "no session does anything"),
    ("pg_session_application_*", BOTH, "no session does anything"),
    ("pg_session_blocker_*", BOTH, "no session does anything"),
    ("pg_shared_cks_fails_total", BOTH, "checksums are off before 18"),
    ("pg_shared_cks_fail_time", BOTH, "no page was found with a wrong checksum"),
    ("pg_index_waste_invalid*", &[Role::Standby], "it does not see which indexes are being built"),
    ("pg_archive_status_oldest_ready_age_seconds", BOTH, "archiving is off"),
    ("pg_slot_two_phase_at", BOTH, "no slot decodes in two phases"),
    ("pg_prepared_max_age_*", &[Role::Standby], "its view of prepared transactions is empty"),
    ("pg_table_last_*", &[Role::Standby], "vacuum and analyze run on the primary"),
    ("pg_table_last_auto*", BOTH, "autovacuum has not come yet"),
];
const BOTH: &[Role] = &[Role::Primary, Role::Standby];

/// What promtool says of names that are inherited from pg_exporter, or taken over from the catalogs, and why they stay:
/// dashboards and rules are written for them.
const INHERITED: &[(&str, &str)] = &[
    ("counter metrics should have \"_total\" suffix", "named after the column of the view"),
    ("non-histogram and non-summary metrics should not have \"_count\" suffix", "a number of sessions, runs, attempts"),
    ("non-histogram and non-summary metrics should not have \"_sum\" suffix", "a histogram of what is now, as gauges"),
    ("non-histogram metrics should not have \"_bucket\" suffix", "a histogram of what is now, as gauges"),
    ("non-histogram metrics should not have \"le\" label", "a histogram of what is now, as gauges"),
];

/// Collectors that do not run here even with every tag, and why.
const OFF: &[(&str, &str)] = &[
    ("pg_citus_node", "no Citus to be had"),
    ("pg_heartbeat", "off as there; needs a table of one's own"),
    ("pg_index_bloat", "off as there; needs views of one's own"),
    ("pg_monitor_response", "no pg_stat_monitor to be had"),
    ("pg_origin", "off as there; pg_monitor may not read it"),
    ("pg_shmem", "off as there; needs a function of one's own"),
    ("pg_shmem_14", "off as there; needs a function of one's own"),
    ("pg_table_bloat", "off as there; needs views of one's own"),
    ("pg_tsdb_hypertable", "off as there; no TimescaleDB to be had"),
    ("pg_kcache", "the extension is not the server's own; there for 15"),
    ("pg_service", "needs a services file"),
    ("pg_service_answer", "needs a services file"),
    ("pg_service_canary", "needs a services file"),
    ("pg_service_hop", "needs a services file"),
    ("pg_service_step", "needs a services file"),
    ("pg_session", "off by default, for the number of its series"),
    ("pg_wait_event", "the extension is not the server's own; there for 15"),
    ("pg_wait_event_1s", "the extension is not the server's own; there for 15"),
];
/// The tags that switch on what is off by default.
const TAGS: &str = "--tag=statements,exact_size";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Primary,
    Standby,
}

fn on_every_version(check: impl Fn(Major) + Sync) {
    std::thread::scope(|scope| {
        for major in Major::ALL {
            scope.spawn({
                let check = &check;
                move || check(major)
            });
        }
    });
}

/// Something of every kind that a database can have.
const THINGS: &str = "create table thing (id int primary key, text text);
    insert into thing values (1);
    create index once on thing (text);
    create index twice on thing (text);
    create table parts (id int) partition by list (id);
    create table part_of_the_rest partition of parts default;
    create sequence numbers;
    select nextval('numbers');
    grant select on sequence numbers to monitor;
    create function known() returns int language plpgsql as 'begin return 1; end';
    create publication published for table thing;
    create materialized view kept as select * from thing;
    analyze;";

/// A primary with tables in two databases, a logical slot and statistics that were reset once; and its standby.
fn pair(major: Major) -> (Postgres, Postgres) {
    let mut builder = Postgres::builder(major)
        .setting("max_slot_wal_keep_size", "1GB")
        .setting("max_prepared_transactions", "5")
        .setting("hot_standby_feedback", "on");
    if major == Major::V15 {
        let libraries = "pg_stat_statements, pg_stat_kcache, pg_wait_sampling";
        builder = builder.with_extensions().setting("shared_preload_libraries", libraries);
    }
    let primary = builder.start().unwrap();
    let extensions = match major {
        Major::V15 => "create extension pg_stat_kcache; create extension pg_wait_sampling",
        _ => "create extension pg_buffercache",
    };
    primary.psql("postgres", extensions).unwrap();
    primary.psql("postgres", "create database app").unwrap();
    for database in ["postgres", "app"] {
        primary.psql(database, THINGS).unwrap();
    }
    primary.psql("postgres", "select pg_create_logical_replication_slot('decoded', 'pgoutput')").unwrap();
    let decode = "select pg_logical_slot_peek_binary_changes('decoded', null, null, 'proto_version', '1', 'publication_names', 'p');
                  select pg_stat_reset_replication_slot('decoded')";
    primary.psql("postgres", decode).unwrap();
    let standby = primary.standby("standby1").unwrap();
    for server in [&primary, &standby] {
        for database in ["postgres", "app"] {
            server.psql(database, "select pg_stat_reset()").unwrap();
            server
                .psql(database, "select known(); set enable_seqscan = off; select * from thing where id = 1")
                .unwrap();
        }
    }
    primary.psql("postgres", "vacuum analyze thing").unwrap();
    primary.psql("app", "begin; insert into thing values (2); prepare transaction 'prepared'").unwrap();
    (primary, standby)
}

#[test]
fn every_collector_gives_what_the_catalogue_says_on_a_valid_page() {
    let listed = catalogue();
    let complaints = std::sync::Mutex::new(BTreeSet::new());
    on_every_version(|major| {
        let (primary, standby) = pair(major);
        for (server, role) in [(&primary, Role::Primary), (&standby, Role::Standby)] {
            let whose = format!("{major} {role:?}");
            // Someone is in a transaction.
            let mut session = postgres::Client::connect(&server.url("postgres", "app"), postgres::NoTls).unwrap();
            let mut transaction = session.transaction().unwrap();
            transaction.batch_execute("set transaction isolation level repeatable read; select * from thing").unwrap();
            let exporter = exporter(server, "postgres", &["--cache-ttls=0,0,0,0", TAGS]);
            // What is looked up comes after what it is looked up for.
            let looked_up = |page: &Page| !page.samples("pg_query_info", &[]).is_empty();
            let page = scrape_until(&exporter, "the texts of statements", looked_up);
            page.assert_clean(&whose);
            let series = page.text.lines().filter(|line| !line.starts_with('#')).count();
            println!("{whose}: {} families, {series} series", page.families().len());
            assert_planned(&page, &exporter, &listed, major, role, &whose);
            assert_complete(&page, &listed, major, role, &whose);
            assert_open_metrics(&exporter, &whose);
            complaints.lock().unwrap().extend(page.complaints());
        }
    });
    assert_inherited(&complaints.into_inner().unwrap());
}

#[test]
fn locked_relations_delay_nothing() {
    on_every_version(|major| {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", THINGS).unwrap();
        let exporter = exporter(&server, "postgres", &["--cache-ttls=0,0,0,0", TAGS]);
        scrape(&exporter).assert_clean(&format!("{major}, before"));
        let mut owner = postgres::Client::connect(&server.url("postgres", "postgres"), postgres::NoTls).unwrap();
        let mut transaction = owner.transaction().unwrap();
        transaction.batch_execute(LOCKS).unwrap();
        for _ in 0..2 {
            let page = scrape(&exporter);
            page.assert_clean(&format!("{major}, all locked"));
            assert!(page.value("pg_table_pages", &[("relname", "public.thing")]).is_some(), "{major}");
            assert_eq!(page.value("pg_seq_last_value", &[("seqname", "public.numbers")]), None, "{major}");
        }
    });
}

/// The strongest lock on each of the things.
const LOCKS: &str = "lock table thing, parts, part_of_the_rest in access exclusive mode;
    alter index thing_pkey set (fillfactor = 90);
    alter sequence numbers restart;
    refresh materialized view kept;
    alter function known() strict;
    alter publication published set (publish = 'insert');";

/// Every collector runs in the main database, or there is a good reason why it does not.
fn assert_planned(page: &Page, exporter: &Exporter, listed: &[Listed], major: Major, role: Role, whose: &str) {
    let planned = |database: &str| {
        let samples = page.samples("pg_exporter_collector_success", &[("datname", database)]);
        samples.into_iter().map(|sample| &*sample.labels["collector"]).collect::<BTreeSet<_>>()
    };
    let explained = exporter.get("/explain").unwrap().text();
    let reason = |collector: &str| {
        let line =
            explained.lines().find_map(|line| line.strip_prefix(collector)?.trim_start().strip_prefix("not planned: "));
        line.unwrap_or_else(|| panic!("{whose}: nothing is said of {collector}\n{explained}"))
    };
    let main = planned("postgres");
    for collector in listed.iter().map(|metric| &*metric.collector).collect::<BTreeSet<_>>() {
        let in_version = listed.iter().any(|metric| metric.collector == collector && metric.is_in(major.number()));
        if main.contains(collector) {
            assert!(in_version, "{whose}: {collector}");
            continue;
        }
        let is_of_samples = collector.starts_with("pg_session_query_");
        let good = match reason(collector) {
            reason if reason.starts_with("requires versions") => !in_version,
            reason if reason.starts_with("requires the log of") => true,
            // Of two that take the same numbers one is planned.
            reason if reason.contains("the extension pg_wait_sampling") && is_of_samples => true,
            reason if reason.starts_with("reads no database") => {
                collector.starts_with("pg_service") || collector.starts_with("patroni_")
            }
            "requires a standby" => role == Role::Primary,
            "requires a primary" => role == Role::Standby,
            _ => OFF.iter().any(|(name, _)| *name == collector),
        };
        assert!(good, "{whose}: {collector}: {}", reason(collector));
    }
    // A database beside the main one has those that are not of the whole server.
    let beside = planned("app");
    assert!(beside.is_subset(&main) && beside.contains("pg_table") && !beside.contains("pg_db"), "{whose}: {beside:?}");
}

fn assert_complete(page: &Page, listed: &[Listed], major: Major, role: Role, whose: &str) {
    let planned = page.label_values("pg_exporter_collector_success", "collector");
    let here = |metric: &&Listed| metric.is_in(major.number()) && planned.contains(&*metric.collector);
    let expected: BTreeSet<&str> = listed.iter().filter(here).map(|metric| &*metric.name).collect();
    let found = page.families();
    let excused = |name: &str| ABSENT.iter().any(|(pattern, roles, _)| roles.contains(&role) && fits(pattern, name));
    let missing: Vec<_> = expected.difference(&found).filter(|name| !excused(name)).collect();
    assert!(missing.is_empty(), "{whose}: not on the page: {missing:?}");
    let own = |name: &str| {
        ["pg_exporter_", "process_"].iter().any(|start| name.starts_with(start))
            || ["pg_up", "pg_version", "pg_in_recovery"].contains(&name)
    };
    let unknown: Vec<_> = found.difference(&expected).filter(|name| !own(name)).collect();
    assert!(unknown.is_empty(), "{whose}: nobody declares {unknown:?}");
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => name == pattern,
    }
}

fn assert_open_metrics(exporter: &Exporter, whose: &str) {
    let response = exporter.get_with("/metrics", &[("Accept", "application/openmetrics-text")]).unwrap();
    let kind = response.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{whose}: {kind}");
    let exposition = openmetrics_parser::openmetrics::parse_openmetrics(&response.text());
    let exposition = exposition.unwrap_or_else(|error| panic!("{whose}: {error}"));
    assert!(exposition.families.contains_key("pg_db_xact_commit"), "{whose}");
}

/// Counters that pg_exporter had before 1.4 and that Pigsty's dashboards still ask for.
const OLDER: [&str; 4] =
    ["pg_table_toast_blks_read", "pg_table_toast_blks_hit", "pg_table_tidx_blks_read", "pg_table_tidx_blks_hit"];

/// promtool complains of names that are pg_exporter's only, and for reasons that are known.
fn assert_inherited(complaints: &BTreeSet<String>) {
    let names: BTreeSet<&str> =
        [include_str!("../parity/pg_exporter.tsv"), include_str!("../parity/pg_exporter_self.txt")]
            .iter()
            .flat_map(|list| list.lines())
            .filter_map(|line| line.split('\t').next())
            .chain(OLDER)
            .collect();
    let inherited = |line: &&String| {
        let (name, complaint) = line.split_once(' ').unwrap_or_default();
        names.contains(name) && INHERITED.iter().any(|(kind, _)| *kind == complaint)
    };
    let new: Vec<_> = complaints.iter().filter(|line| !inherited(line)).collect();
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn lag_is_seen_from_both_sides() {
    on_every_version(|major| {
        let (primary, standby) = pair(major);
        let args = ["--disable-cache"];
        let (feeding, fed) = (exporter(&primary, "postgres", &args), exporter(&standby, "postgres", &args));
        let receiver = [("appname", "standby1"), ("usename", "postgres")];
        let behind = || scrape(&feeding).value("pg_repl_replay_diff", &receiver).unwrap();
        let page = scrape_until(&feeding, "the standby streams", |page| {
            page.failed().is_empty() && page.value("pg_repl_state", &receiver) == Some(0.0)
        });
        assert!(page.value("pg_repl_sent_lsn", &receiver).unwrap() > 0.0, "{major}");
        assert_eq!(page.value("pg_slot_active", &[("slot_name", "standby1")]), Some(1.0), "{major}");
        assert_eq!(page.value("pg_lag", &[]), Some(0.0), "{major}");
        until("the standby is not behind", || scrape(&fed).value("pg_lag", &[]) == Some(0.0));

        standby.psql("postgres", "select pg_wal_replay_pause()").unwrap();
        standby.wait_for("select pg_get_wal_replay_pause_state() = 'paused'", LIMIT).unwrap();
        primary.psql("postgres", "insert into thing values (2)").unwrap();
        standby.wait_for("select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()", LIMIT).unwrap();
        let page = scrape(&fed);
        assert!(page.value("pg_lag", &[]).unwrap() > 0.0, "{major}");
        assert_eq!(page.value("pg_is_wal_replay_paused", &[]), Some(1.0), "{major}");
        assert!(page.value("pg_receive_lsn", &[]) > page.value("pg_replay_lsn", &[]), "{major}");
        until("the primary sees the standby behind", || behind() > 0.0);

        standby.psql("postgres", "select pg_wal_replay_resume()").unwrap();
        until("the standby has caught up", || scrape(&fed).value("pg_lag", &[]) == Some(0.0));
        until("the primary sees that", || behind() == 0.0);
    });
}

#[test]
fn next_scrape_after_failover_is_a_primarys() {
    on_every_version(|major| {
        let (primary, standby) = pair(major);
        let families = |page: &Page| page.families().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        let is_whole = |page: &Page| page.is_up() && page.failed().is_empty();
        let expected = families(&scrape_until(&exporter(&primary, "postgres", &[]), "all is read", is_whole));
        let (scraped, unscraped) = (exporter(&standby, "postgres", &[]), exporter(&standby, "postgres", &[]));
        let before = scrape_until(&scraped, "all is read", is_whole);
        assert_eq!(before.value("pg_in_recovery", &[]), Some(1.0), "{major}");
        assert!(before.value("pg_receive_lsn", &[]).is_some() && before.value("pg_insert_lsn", &[]).is_none());
        let status = |path| unscraped.get(path).unwrap().status;
        until("a standby is known as one", || (status("/primary"), status("/replica")) == (404, 200));

        standby.promote().unwrap();
        // Nobody scrapes this one: its answers come from probes that are at most a second old.
        until("/primary answers 200", || status("/primary") == 200);
        assert_eq!(status("/replica"), 404, "{major}");
        let page = scrape(&scraped);
        page.assert_clean(&format!("{major}, promoted"));
        for name in ["pg_in_recovery", "pg_is_in_recovery", "pg_lag"] {
            assert_eq!(page.value(name, &[]), Some(0.0), "{major}: {name}");
        }
        assert_eq!(page.value("pg_receive_lsn", &[]), None, "{major}");
        let missing: Vec<_> = expected.difference(&families(&page)).cloned().collect();
        // Not replicated, or of what ran while the primary was scraped: a session, a transaction, a vacuum.
        let is_excused = |name: &String| {
            let unreplicated = ["pg_repl_", "pg_slot_", "pg_table_last_", "pg_xmin_", "pg_query_"];
            let momentary = ["pg_session_", "pg_xact_age_", "pg_vacuuming_", "pg_analyzing_"];
            unreplicated.iter().chain(&momentary).any(|start| name.starts_with(start))
        };
        assert!(missing.iter().all(is_excused), "{major}: {missing:?}");
    });
}
