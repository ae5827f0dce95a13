//! Several PgBouncers of one host, as processes that share a port, read by one exporter.

use std::collections::BTreeSet;

use lab::{BouncerRelease, Exporter, Major, PgBouncer, Postgres, Process};
use support::{pgbouncer_exporter, scrape, until};

use super::{exporter, is_up};

fn socket(pooler: &PgBouncer) -> String {
    let (folder, port) = (pooler.socket_dir().display(), pooler.port());
    format!("host={folder} port={port} user=monitor password=monitor-secret")
}

fn label(pooler: &PgBouncer) -> String {
    format!("{}:{}", pooler.socket_dir().display(), pooler.port())
}

/// Two, of which the first has a client.
fn two(server: &Postgres) -> [PgBouncer; 2] {
    let start = |release| PgBouncer::builder(release).database("app", server, "").start().unwrap();
    let two = [start(BouncerRelease::V1_18), start(BouncerRelease::NEWEST)];
    two[0].psql("app", "app", "select 1").unwrap();
    two
}

#[test]
fn targets_are_labelled_and_fail_alone() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let [old, new] = two(&server);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("# the newer one\n\n  {}\n", socket(&new))).unwrap();
    let args = ["--disable-cache", "-u", &socket(&old), "--targets", file.path().to_str().unwrap()];
    let both = Exporter::start(pgbouncer_exporter(), &args, &[]).unwrap();
    let page = scrape(&both);
    let (first, second) = (label(&old), label(&new));
    for (target, version) in [(&first, 11_800.0), (&second, 12_600.0)] {
        let labels = [("target", target.as_str())];
        assert_eq!(page.value("pgbouncer_up", &labels), Some(1.0), "{}", page.text);
        let found = page.value("pgbouncer_version", &labels).unwrap();
        assert!((version..version + 100.0).contains(&found), "{target}: {found}");
        let opened = page.value("pgbouncer_exporter_connections_opened_total", &labels).unwrap();
        // At the start, for this scrape, and for the place of the log, which is asked for beside scrapes.
        assert!((2.0..=3.0).contains(&opened), "{target}: {opened}");
    }
    let count = |target: &str| page.value("pgbouncer_stat_total_xact_count", &[("datname", "app"), ("target", target)]);
    assert_eq!((count(&first), count(&second)), (Some(1.0), None));
    // Every sample says whose it is, but those about the program.
    for family in page.families() {
        let of_program = [
            "_up",
            "_uptime",
            "_build_info",
            "_last_scrape_time",
            "_scrape_duration",
            "_scrape_duration_seconds",
            "_log_lines_dropped_total",
            "_http_connections",
            "_http_connections_limit",
            "_http_connections_closed_total",
        ];
        let about = |end: &&str| family == format!("pgbouncer_exporter{end}");
        let is_of_program = family.starts_with("process_") || of_program.iter().any(about);
        for sample in page.samples(family, &[]) {
            assert_eq!(sample.labels.contains_key("target"), !is_of_program, "{family} {:?}", sample.labels);
        }
    }
    assert_eq!(both.get("/up").unwrap().status, 200);
    for path in ["/", "/explain", "/stat"] {
        let text = both.get(path).unwrap().text();
        assert!(text.contains(&first) && text.contains(&second), "{path}: {text}");
    }

    new.process().signal("STOP").unwrap();
    let response = both.get_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "2")]).unwrap();
    assert!(response.elapsed.as_secs_f64() < 2.0, "{:?}", response.elapsed);
    let page = support::Page::parse(response.text());
    assert_eq!(page.value("pgbouncer_up", &[("target", &first)]), Some(1.0));
    assert_eq!(page.value("pgbouncer_up", &[("target", &second)]), Some(0.0));
    assert_eq!(page.value("pgbouncer_up_reason", &[("target", &second), ("reason", "timeout")]), Some(1.0));
    let shown = page.label_values("pgbouncer_pool_active_clients", "target");
    assert_eq!(shown, BTreeSet::from([first.as_str()]));
    assert_eq!(both.get("/up").unwrap().status, 503);
    new.process().signal("CONT").unwrap();
    until("both are up", || {
        let page = scrape(&both);
        [&first, &second].iter().all(|target| page.value("pgbouncer_up", &[("target", target)]) == Some(1.0))
    });
    let reloaded = both.request("POST", "/reload", &[]).unwrap();
    assert_eq!(reloaded.status, 200);
    let page = scrape(&both);
    assert_eq!(page.samples("pgbouncer_exporter_config_last_reload_successful", &[]).len(), 2);
}

#[test]
fn single_target_has_no_label_and_duplicates_are_refused() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let [pooler, _] = two(&server);
    let page = scrape(&exporter(&pooler, &[]));
    assert!(is_up(&page) && !page.text.contains("target="), "{}", page.text);

    let start = |args: &[&str]| {
        let output =
            Process::command(pgbouncer_exporter()).args(args).env("PATH", std::env::var_os("PATH").unwrap()).output();
        let output = output.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let conninfo = socket(&pooler);
    let told = start(&["-u", &conninfo, "-u", &conninfo]);
    assert!(told.contains(&format!("{} is given twice", label(&pooler))), "{told}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "host=/tmp password=s3cret dbname=app\n").unwrap();
    let name = file.path().to_str().unwrap();
    let told = start(&["--targets", name]);
    assert!(told.contains(&format!("--targets: {name}:1: dbname")) && !told.contains("s3cret"), "{told}");
    std::fs::write(file.path(), "# none\n").unwrap();
    assert!(start(&["--targets", name]).contains("contains no targets"));
}
