//! Latency of statements and changes of plans, from the server log: against what pgbench measures, and an index that is dropped.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lab::{Exporter, Major, Postgres, PostgresBuilder};
use support::{Page, binary, scrape, until};

/// A literal that may be nowhere.
const SECRET: &str = "Zq4Hidden8w";
/// How far an exported quantile may be from pgbench's, in buckets.
const MOST_BUCKETS: usize = 1;

fn builder(major: Major) -> PostgresBuilder {
    let destination = if major == Major::V14 { "csvlog" } else { "jsonlog" };
    Postgres::builder(major)
        .setting("logging_collector", "on")
        .setting("log_destination", destination)
        .setting("compute_query_id", "on")
}

fn exporter(server: &Postgres, state: &Path) -> Exporter {
    let url = server.url("monitor", "postgres");
    let state = format!("--state-dir={}", state.display());
    let exporter =
        Exporter::start(binary(), &["--auto-discovery=false", &state], &[("PG_EXPORTER_URL", &url)]).unwrap();
    until("the log is read", || {
        scrape(&exporter).value("pg_exporter_log_state_saved", &[("program", "postgres")]) == Some(1.0)
    });
    exporter
}

/// Upper bounds and cumulative counts of a histogram, in order.
fn histogram(page: &Page, name: &str, labels: &[(&str, &str)]) -> Vec<(f64, f64)> {
    let bound = |text: &str| if text == "+Inf" { f64::INFINITY } else { text.parse().unwrap() };
    let samples = page.samples(&format!("{name}_bucket"), labels);
    let mut buckets: Vec<_> = samples.iter().map(|sample| (bound(&sample.labels["le"]), sample.value)).collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    buckets
}

/// The bucket that a quantile of the histogram is in.
fn bucket_of(histogram: &[(f64, f64)], quantile: f64) -> usize {
    let total = histogram.last().unwrap().1;
    histogram.iter().position(|(_, count)| *count >= quantile * total).unwrap()
}

/// Runs statements of 0.1 to 20 ms, most of them short, and returns what pgbench measured, in seconds.
fn pgbench(server: &Postgres, protocol: &str, seconds: u64) -> Vec<f64> {
    let script = "\\set us random_exponential(100, 20000, 4)\nselect pg_sleep(:us / 1000000.0), 'Zq4Hidden8w';\n";
    let protocol = format!("--protocol={protocol}");
    let arguments = ["--client=8", "--jobs=2", "--log", "--log-prefix=latencies", &protocol];
    let pgbench = server.pgbench_script("clients", "bench", script, &arguments, Duration::from_secs(seconds)).unwrap();
    let status = pgbench.wait(Duration::from_secs(seconds) + support::LIMIT);
    assert!(status.is_some_and(|status| status.success()), "{}", pgbench.log_tail());
    let logs = fs::read_dir(server.socket_dir()).unwrap().map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(Postgres::LATENCIES));
    let lines = logs.map(|path| fs::read_to_string(path).unwrap()).collect::<String>();
    let mut latencies: Vec<f64> =
        lines.lines().map(|line| line.split(' ').nth(2).unwrap().parse::<f64>().unwrap() / 1e6).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// Exported quantiles lie within a bucket of pgbench's, and as many executions are counted, at this rate of sampling.
fn assert_latency(rate: f64, protocol: &str, seconds: u64) {
    let server = builder(Major::NEWEST)
        .setting("log_min_duration_sample", "0")
        .setting("log_statement_sample_rate", &rate.to_string())
        .start()
        .unwrap();
    server.psql("postgres", "create database bench").unwrap();
    let state = tempfile::tempdir().unwrap();
    let running = exporter(&server, state.path());
    let truth = pgbench(&server, protocol, seconds);
    let labels = [("datname", "bench")];
    let count = |page: &Page| page.value("pg_statement_duration_seconds_count", &labels).unwrap_or_default();
    // Sampled counts have a standard deviation; at 1 % of 5,000 it is 14 % of them.
    let tolerance = if rate < 1.0 { 5.0 * (1.0 / (rate * truth.len() as f64)).sqrt() } else { 0.0 };
    let is_counted = |page: &Page| (count(page) / truth.len() as f64 - 1.0).abs() <= tolerance;
    until("all executions are counted", || is_counted(&scrape(&running)));
    let page = scrape(&running);
    assert!(is_counted(&page), "{} of {}", count(&page), truth.len());
    let applications = [("application_name", "clients")];
    let histograms =
        [("pg_statement_duration_seconds", labels), ("pg_statement_application_duration_seconds", applications)];
    for (name, labels) in histograms {
        let histogram = histogram(&page, name, &labels);
        for quantile in [0.5, 0.95, 0.99] {
            let measured = truth[(quantile * truth.len() as f64) as usize];
            let expected = histogram.partition_point(|(bound, _)| *bound < measured);
            let found = bucket_of(&histogram, quantile);
            println!(
                "{protocol} at {rate}: {name} p{} is at most {} s, pgbench measured {measured} s",
                quantile * 100.0,
                histogram[found].0
            );
            assert!(found.abs_diff(expected) <= MOST_BUCKETS, "p{} {measured}: {histogram:?}", quantile * 100.0);
        }
    }
    let query = page.samples("pg_statement_query_duration_seconds_count", &labels);
    let busiest = query.iter().map(|sample| sample.value).fold(0.0, f64::max);
    assert!((busiest / truth.len() as f64 - 1.0).abs() <= tolerance.max(0.01), "{query:?}");
    if protocol == "extended" {
        let bind = page.value("pg_statement_phase_seconds_total", &[("datname", "bench"), ("phase", "bind")]);
        assert!(bind.unwrap() > 0.0);
    }
    assert_no_secret(&running, &page, state.path());
}

#[test]
fn latency_is_that_of_pgbench_at_any_rate_of_sampling() {
    std::thread::scope(|scope| {
        scope.spawn(|| assert_latency(1.0, "simple", 5));
        scope.spawn(|| assert_latency(0.1, "extended", 5));
    });
    assert_latency(0.01, "simple", 12);
}

#[test]
#[ignore = "takes 4 min: make majors"]
fn latency_is_that_of_pgbench_for_longer() {
    for rate in [1.0, 0.1, 0.01] {
        for protocol in ["simple", "extended", "prepared"] {
            assert_latency(rate, protocol, 20);
        }
    }
}

fn assert_no_secret(exporter: &Exporter, page: &Page, state: &Path) {
    let files = fs::read_dir(state).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let pages = ["/", "/explain", "/stat"].map(|path| exporter.get(path).unwrap().text().to_owned());
    for text in files.chain(pages).chain([exporter.log(), page.text.clone()]) {
        assert!(!text.contains(SECRET), "{text}");
    }
}

/// Changes of the plan of any statement of the database.
fn changes(page: &Page) -> f64 {
    page.samples("pg_plan_changes_total", &[("datname", "shop")]).iter().map(|sample| sample.value).sum()
}

/// Executions with plans whose shape contains a text, and their mean time.
fn plans(page: &Page, shape: &str) -> (f64, f64) {
    let sum = |name: &str| -> f64 {
        let samples = page.samples(name, &[("datname", "shop")]);
        samples.iter().filter(|sample| sample.labels["shape"].contains(shape)).map(|sample| sample.value).sum()
    };
    let calls = sum("pg_plan_calls_total");
    (calls, sum("pg_plan_seconds_total") / calls)
}

/// ANALYZE changes no plan; without its index a statement has another one, once, which is slower; a restart forgets nothing.
fn notices_a_dropped_index(major: Major) {
    let server = builder(major)
        .setting("shared_preload_libraries", "pg_stat_statements,auto_explain")
        .setting("auto_explain.log_min_duration", "0")
        .setting("auto_explain.log_format", "json")
        .setting("max_parallel_workers_per_gather", "0")
        .start()
        .unwrap();
    server.psql("postgres", "create database shop").unwrap();
    server
        .psql(
            "shop",
            "create table orders (id int primary key, customer int, note text);
             insert into orders select i, i % 1000, 'Zq4Hidden8w' from generate_series(1, 50000) i;
             create index orders_customer on orders (customer); vacuum analyze orders",
        )
        .unwrap();
    let state = tempfile::tempdir().unwrap();
    let running = exporter(&server, state.path());
    let statement = "select count(*) from orders where customer = 7 and note = 'Zq4Hidden8w';";
    let work = |times: usize| server.psql("shop", &statement.repeat(times)).unwrap();
    let indexed = "Bitmap Heap Scan orders(Bitmap Index Scan using orders_customer)";
    let counted = |running: &Exporter, shape: &str, calls: f64| {
        until("the plans are counted", || plans(&scrape(running), shape).0 >= calls);
        scrape(running)
    };
    work(20);
    server.psql("shop", "analyze orders").unwrap();
    work(20);
    let page = counted(&running, indexed, 40.0);
    assert_eq!((changes(&page), plans(&page, indexed).0), (0.0, 40.0), "{major:?}");
    let mut load = server.session("shop").unwrap();
    load.send(&statement.repeat(30)).unwrap();
    server.psql("shop", "drop index orders_customer").unwrap();
    load.run("select 1;").unwrap();
    work(20);
    let total = |page: &Page| plans(page, indexed).0 + plans(page, "Seq Scan orders").0;
    until("all plans are counted", || total(&scrape(&running)) >= 90.0);
    let page = scrape(&running);
    assert_eq!((changes(&page), total(&page)), (1.0, 90.0), "{major:?}");
    let ratio = plans(&page, "Seq Scan orders").1 / plans(&page, indexed).1;
    assert!(ratio > 2.0, "{major:?}: {ratio} times as long");
    assert_no_secret(&running, &page, state.path());
    running.process().signal("KILL").unwrap();
    assert!(running.process().wait(support::LIMIT).is_some());
    work(10);
    let running = exporter(&server, state.path());
    let page = counted(&running, "Seq Scan orders", plans(&page, "Seq Scan orders").0 + 10.0);
    assert_eq!(changes(&page), 1.0, "{major:?}");
    server.psql("shop", "create index orders_customer on orders (customer)").unwrap();
    work(10);
    until("the way back is a change", || changes(&scrape(&running)) == 2.0);
}

#[test]
fn a_dropped_index_is_one_change_of_plan() {
    for major in [Major::V14, Major::NEWEST] {
        notices_a_dropped_index(major);
    }
}

#[test]
#[ignore = "takes a minute: make majors"]
fn a_dropped_index_is_one_change_of_plan_on_every_major() {
    for major in Major::ALL {
        notices_a_dropped_index(major);
    }
}

/// Without JSON a plan has no shape, which is told.
#[test]
fn plans_in_text_are_counted_as_unread() {
    let server = builder(Major::NEWEST)
        .setting("shared_preload_libraries", "auto_explain")
        .setting("auto_explain.log_min_duration", "0")
        .start()
        .unwrap();
    let state = tempfile::tempdir().unwrap();
    let running = exporter(&server, state.path());
    until("a plan is counted", || {
        server.psql("postgres", "select 'Zq4Hidden8w'").unwrap();
        scrape(&running).value("pg_plan_unread_total", &[("reason", "not_json")]).is_some_and(|count| count > 0.0)
    });
    assert_no_secret(&running, &scrape(&running), state.path());
}
