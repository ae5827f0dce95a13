//! Names: all that the catalogue says is on the page, on every release, and all that other exporters' users know.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;

use lab::{BouncerRelease, Exporter, PgBouncer, PgBouncerBuilder, Postgres};
use support::catalogue::{Listed, catalogue_of};
use support::{Page, pgbouncer_exporter, scrape, until};

use super::{exporter, on_every_release};

/// What promtool says of names that are inherited from pg_exporter, and why they stay: dashboards are written for them.
const INHERITED: &[(&str, &str)] = &[
    ("counter metrics should have \"_total\" suffix", "named after the column of SHOW STATS"),
    ("non-counter metrics should not have \"_total\" suffix", "named after the column of SHOW STATS"),
    ("non-histogram and non-summary metrics should not have \"_count\" suffix", "an average of a count"),
    ("metric names should not contain abbreviated units", "microseconds as SHOW POOLS gives them"),
];

/// Families that need what this machine has not: a name that is looked up in a zone.
const ABSENT: &[&str] = &[
    "pgbouncer_dns_zone_serial",
    "pgbouncer_dns_zone_hosts",
    "pgbouncer_log_message_total",
    "pgbouncer_log_login_failure_total",
];

/// The metrics of a folder inside the program.
fn catalogue(folder: &str) -> Vec<Listed> {
    catalogue_of(pgbouncer_exporter(), &["--config", &format!("builtin:{folder}")])
}

fn is_in(metric: &Listed, release: BouncerRelease) -> bool {
    let number = release.number();
    metric.is_in_version([number / 10_000, number / 100 % 100, 0])
}

/// One that has something of everything: peers, a host name, a pool that was used, users with limits.
fn rich(release: BouncerRelease, server: &Postgres) -> PgBouncerBuilder {
    let named = format!("= host=localhost port={} dbname=postgres user=postgres\n", server.port());
    let pooler = PgBouncer::builder(release).database("app", server, "").database_line(&format!("named {named}"));
    let pooler = pooler.user_line("app = pool_mode=session");
    match release {
        BouncerRelease::V1_18 => pooler,
        BouncerRelease::V1_24 | BouncerRelease::V1_26 => {
            let peer = "2 = host=/tmp/none port=6432";
            pooler.setting("peer_id", "1").peer(peer).user_line("postgres = pool_size=7 reserve_pool_size=2")
        }
    }
}

/// Leaves a pool behind, and a name that is looked up; who listens there does not matter.
fn use_it(pooler: &PgBouncer) {
    pooler.psql("app", "app", "select 1").unwrap();
    let _asking = pooler.start("psql", "app", "named", &["-c", "select 1"]).unwrap();
    if pooler.release() > BouncerRelease::V1_18 {
        hand_on_a_cancel_request(pooler);
    }
    until("the name is looked up", || pooler.console("SHOW DNS_HOSTS").is_ok_and(|hosts| hosts.contains("localhost")));
}

/// A peer has a pool once a request to cancel is to be handed on to it: bytes 1 and 2 of its key are the peer's number,
/// the last one says how often it may still be handed on.
fn hand_on_a_cancel_request(pooler: &PgBouncer) {
    let mut request = TcpStream::connect(("127.0.0.1", pooler.port())).unwrap();
    let (length, code) = (16_u32.to_be_bytes(), 80_877_102_u32.to_be_bytes());
    request.write_all(&[&length[..], &code, &[0, 2, 0, 0, 0, 0, 0, 0xFF]].concat()).unwrap();
    until("the peer has a pool", || pooler.console("SHOW PEER_POOLS").is_ok_and(|pools| !pools.is_empty()));
}

#[test]
fn every_collector_gives_what_the_catalogue_says_on_a_valid_page() {
    for (folder, before) in [("pgbouncer", "pg_exporter.tsv"), ("pgbouncer_exporter", "pgbouncer_exporter.tsv")] {
        let listed = catalogue(folder);
        let complaints = Mutex::new(BTreeSet::new());
        on_every_release(|release, server| {
            let whose = format!("{folder} on {release}");
            let pooler = rich(release, server).start().unwrap();
            use_it(&pooler);
            let exporter = exporter(&pooler, &["--config", &format!("builtin:{folder}")]);
            let page = scrape(&exporter);
            page.assert_clean_in("pgbouncer", &whose);
            assert_complete(&page, &listed, release, &whose);
            assert_version(&page, release);
            complaints.lock().unwrap().extend(page.complaints());
            assert_open_metrics(&exporter);
        });
        assert_inherited(&complaints.into_inner().unwrap(), &inherited(before));
    }
}

fn assert_complete(page: &Page, listed: &[Listed], release: BouncerRelease, whose: &str) {
    let here = listed.iter().filter(|metric| is_in(metric, release));
    let expected: BTreeSet<&str> = here.map(|metric| &*metric.name).collect();
    let found = page.families();
    for metric in listed.iter().filter(|metric| found.contains(&*metric.name)) {
        assert_eq!(page.kind(&metric.name), Some(&*metric.kind), "{whose}: {}", metric.name);
    }
    let missing: Vec<_> = expected.difference(&found).filter(|name| !ABSENT.contains(*name)).collect();
    assert!(missing.is_empty(), "{whose}: not on the page: {missing:?}");
    let own = |name: &str| {
        ["pgbouncer_exporter_", "process_"].iter().any(|start| name.starts_with(start))
            || ["pgbouncer_up", "pgbouncer_version", "pgbouncer_in_recovery"].contains(&name)
    };
    let unknown: Vec<_> = found.difference(&expected).filter(|name| !own(name)).collect();
    assert!(unknown.is_empty(), "{whose}: nobody declares {unknown:?}");
}

/// The version that is used to choose columns, and the text that the console shows.
fn assert_version(page: &Page, release: BouncerRelease) {
    let number = page.value("pgbouncer_version", &[]).unwrap();
    let first = f64::from(release.number());
    assert!((first..first + 100.0).contains(&number), "{release}: {number}");
    let texts = page.label_values("pgbouncer_version_info", "version");
    let starts = format!("PgBouncer {release}.");
    assert!(texts.len() == 1 && texts.iter().all(|text| text.starts_with(&starts)), "{release}: {texts:?}");
}

fn assert_open_metrics(exporter: &Exporter) {
    let response = exporter.get_with("/metrics", &[("Accept", "application/openmetrics-text")]).unwrap();
    openmetrics_parser::openmetrics::parse_openmetrics(&response.text()).unwrap();
}

/// Each complaint is of a kind that is explained, and about a name of the exporter before.
fn assert_inherited(complaints: &BTreeSet<String>, before: &[Family]) {
    let known: BTreeSet<&str> = before.iter().map(|family| &*family.name).collect();
    let is_explained = |line: &&String| {
        let (name, text) = line.split_once(' ').unwrap();
        let own = name.starts_with("pgbouncer_exporter_");
        (own || known.contains(name)) && INHERITED.iter().any(|(kind, _)| text == *kind)
    };
    let unexplained: Vec<_> = complaints.iter().filter(|line| !is_explained(line)).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

struct Family {
    name: String,
    kind: String,
    labels: BTreeSet<String>,
}

fn inherited(file: &str) -> Vec<Family> {
    let path = support::path("tests/servers/pgbouncer").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let read = |line: &str| {
        let [name, kind, labels] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
        Family { name: name.to_owned(), kind: kind.to_owned(), labels }
    };
    text.lines().filter(|line| !line.starts_with('#')).map(read).collect()
}

#[test]
fn keeps_families_of_other_pgbouncer_exporters() {
    /// These come from the engine; the build's labels are its own.
    const OWN: [&str; 2] = ["pgbouncer_up", "pgbouncer_exporter_build_info"];
    for (file, folder, count) in
        [("pg_exporter.tsv", "pgbouncer", 46), ("pgbouncer_exporter.tsv", "pgbouncer_exporter", 47)]
    {
        let (wanted, listed) = (inherited(file), catalogue(folder));
        let covers = |family: &&Family| {
            let named = |metric: &&Listed| metric.name == family.name && metric.kind == family.kind;
            let of_pool = |label: &String| label == "load_balance_hosts" && folder == "pgbouncer";
            listed.iter().filter(named).any(|metric| {
                let labels = metric.labels.iter().filter(|label| !of_pool(label)).cloned();
                labels.collect::<BTreeSet<_>>() == family.labels
            }) || OWN.contains(&&*family.name)
        };
        let covered = wanted.iter().filter(covers).count();
        let missing: Vec<&str> =
            wanted.iter().filter(|family| !covers(family)).map(|family| family.name.as_str()).collect();
        println!("{file}: {covered} of {} families in builtin:{folder}", wanted.len());
        assert_eq!((covered, missing), (count, vec![]), "{file}");
    }
}
