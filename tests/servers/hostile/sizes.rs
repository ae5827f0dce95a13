//! Results of any size: the page and the memory are bounded, and what is left out is counted.

use lab::Exporter;
use support::certificates::Authority;
use support::outcome::{collectors, exporter_of};
use support::{Page, scrape, until};

use super::{page, server, with};
use crate::connection::tls::{is_encrypted, switch_tls_on};

/// The most memory that the exporter has ever had, in MiB.
fn peak_mib(exporter: &Exporter) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.process().pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A page on which these collectors are.
fn whole(exporter: &Exporter, collectors: &[&str]) -> String {
    let mut text = String::new();
    until("all collectors have a result", || {
        text = exporter.get("/metrics").unwrap().text();
        let success = |name| format!("pg_exporter_collector_success{{collector=\"{name}\",datname=\"postgres\"}} 1");
        collectors.iter().all(|name| text.contains(&success(name)))
    });
    text
}

fn dropped(page: &Page, collector: &str) -> Option<f64> {
    let found = page.dropped();
    found.iter().find(|(of, why, _)| *of == collector && *why == "cap").map(|(_, _, count)| *count)
}

#[test]
fn large_rows_are_not_received_and_cost_no_other() {
    let server = server();
    let large = "repeat('x', 30000000)";
    let yaml = format!(
        "
wide:
  query: \"SELECT {labels}, 1 AS n, 2 AS m UNION ALL SELECT {short}, 3, 4\"
  timeout: 60
  metrics: [ {columns}, n: {{ usage: GAUGE }}, m: {{ usage: GAUGE }} ]
long:
  query: \"SELECT * FROM (VALUES ('short', 1), ({large}, 2), (repeat('y', 300000), 3)) AS v (l, n)\"
  timeout: 60
  metrics: [ l: {{ usage: LABEL }}, n: {{ usage: GAUGE }} ]
number: {{ query: \"SELECT {large} AS n, 1 AS m\", timeout: 60, metrics: [ n: {{ usage: GAUGE }}, m: {{ usage: GAUGE }} ] }}
error: {{ query: \"SELECT {large}::int AS n\", timeout: 60, metrics: [ n: {{ usage: GAUGE }} ] }}
last: {{ query: SELECT 1 AS n, priority: 9, metrics: [ n: {{ usage: GAUGE }} ] }}
",
        labels = (0..3).map(|at| format!("{large} AS l{at}")).collect::<Vec<_>>().join(", "),
        short = (0..3).map(|at| format!("'{at}'")).collect::<Vec<_>>().join(", "),
        columns = (0..3).map(|at| format!("l{at}: {{ usage: LABEL }}")).collect::<Vec<_>>().join(", "),
    );
    let authority = Authority::new("ours");
    let config = collectors(&yaml);
    for (mode, encrypted) in [("disable", false), ("require", true)] {
        if encrypted {
            switch_tls_on(&server, &authority.issue("localhost"), &authority);
        }
        let url = format!("host=127.0.0.1 port={} user=postgres dbname=postgres sslmode={mode}", server.port());
        let exporter = exporter_of(&url, &["--auto-discovery=false", "--config", config.path().to_str().unwrap()]);
        large_rows_are_left_out(&exporter);
        // The session of the exporter before may still end.
        until("its sessions are as expected", || is_encrypted(&server) == encrypted);
    }
}

fn large_rows_are_left_out(exporter: &Exporter) {
    let page = page(exporter);
    assert_eq!((page.value("wide_n", &[]), page.value("wide_m", &[])), (Some(3.0), Some(4.0)));
    assert_eq!(page.label_values("long_n", "l"), ["short"].into());
    assert_eq!(page.value("last_n", &[]), Some(1.0));
    let counts = ["wide", "long", "number"].map(|collector| dropped(&page, collector));
    assert_eq!(counts, [Some(2.0), Some(2.0), Some(2.0)], "{:?}", page.dropped());
    assert_eq!(page.failed(), [("error", "postgres")], "{}", exporter.log());
    assert!(peak_mib(exporter) < 80, "{} MiB", peak_mib(exporter));
    scrape(exporter);
    until("the drops are in the log", || exporter.log().contains("a row or one of its labels is too large"));
    let told = exporter.log().lines().filter(|line| line.contains("samples dropped")).count();
    assert_eq!(told, 3, "{}", exporter.log());
    assert!(exporter.log().len() < 20_000);
}

#[test]
fn results_are_bounded_in_series_and_bytes() {
    let server = server();
    let yaml = "
series:
  query: SELECT g AS k, g AS n FROM generate_series(1, 1000500) AS g
  timeout: 60
  ttl: 300
  metrics: [ k: { usage: LABEL }, n: { usage: GAUGE } ]
";
    let exporter = with(&server, yaml, &[]);
    let text = whole(&exporter, &["series"]);
    assert_eq!(text.lines().filter(|line| line.starts_with("series_n{")).count(), 1_000_000, "{}", exporter.log());
    assert!(text.contains("pg_exporter_dropped_samples_total{collector=\"series\",reason=\"cap\"} 500"));
    assert!(peak_mib(&exporter) < 400, "{} MiB", peak_mib(&exporter));

    let yaml = "
bytes:
  query: SELECT g AS k, repeat('x', 1000) AS l, g AS n FROM generate_series(1, 30000) AS g
  timeout: 60
  ttl: 300
  metrics: [ k: { usage: LABEL }, l: { usage: LABEL }, n: { usage: GAUGE } ]
top:
  query: SELECT g AS k, repeat('x', 1000) AS l, g AS n FROM generate_series(1, 70000) AS g
  timeout: 60
  ttl: 300
  top: { by: n, limit: 10 }
  metrics: [ k: { usage: LABEL }, l: { usage: LABEL }, n: { usage: COUNTER } ]
spread:
  query: SELECT g AS k, repeat('x', 1000) AS l, 1 AS n FROM generate_series(1, 20000) AS g
  timeout: 60
  ttl: 300
  metrics: [ k: { usage: LABEL }, l: { usage: LABEL }, n: { usage: HISTOGRAM, bucket: [1, 2, 3] } ]
";
    let exporter = with(&server, yaml, &["--max-result-size", "16"]);
    let text = whole(&exporter, &["bytes", "top", "spread"]);
    assert!(text.len() < 40 << 20, "{}", text.len());
    let page = Page::parse(text);
    let kept = page.samples("bytes_n", &[]).len();
    assert!((15_000..16_777).contains(&kept), "{kept}");
    assert_eq!(dropped(&page, "bytes"), Some((30_000 - kept) as f64));
    assert!(dropped(&page, "top").is_some() && dropped(&page, "spread").is_some(), "{:?}", page.dropped());
    assert!(peak_mib(&exporter) < 300, "{} MiB", peak_mib(&exporter));
}

#[test]
fn results_of_1600_columns_are_read() {
    let server = server();
    let list = |format: &dyn Fn(usize) -> String| (0..1600).map(format).collect::<Vec<_>>().join(", ");
    let columns = list(&|at| format!("c{at} numeric"));
    server.psql("postgres", &format!("create table public.wide ({columns})")).unwrap();
    server.psql("postgres", &format!("insert into public.wide select {}", list(&|_| "1".into()))).unwrap();
    let metrics = list(&|at| format!("c{at}: {{ usage: GAUGE }}"));
    let yaml = format!(
        "
wide: {{ query: SELECT * FROM public.wide, metrics: [ {metrics} ] }}
long:
  query: SELECT repeat('9', 1000)::numeric AS large, '0.' || repeat('9', 1000) AS digits, 1 AS one
  metrics: [ large: {{ usage: GAUGE }}, digits: {{ usage: GAUGE }}, one: {{ usage: GAUGE }} ]
"
    );
    let page = page(&with(&server, &yaml, &[]));
    assert_eq!((0..1600).filter(|at| page.value(&format!("wide_c{at}"), &[]) == Some(1.0)).count(), 1600);
    // No number of 64 bits is as large.
    let long = ["long_large", "long_digits", "long_one"].map(|name| page.digits(name));
    assert_eq!(long, [Some("+Inf"), Some("1"), Some("1")]);
}
