//! `make demo`: every address that it prints answers, every command runs as printed, and the load shows.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::Process;
use support::{one_at_a_time, programs, root};

use crate::preview;

/// What the load has to show, now or within a minute.
const SHOWN: [&str; 6] = [
    "max(pg_activity_max_duration{state='active'}) > 1",
    "max(pg_lock_wait_processes) > 0",
    "max(pg_repl_replay_diff) > 0",
    "count(pg_query_calls) > 10",
    "count(pg_size_bytes{datname=~'shop|blog|metering'}) >= 3",
    "pgbackrest_exporter_build_info and on () pgbackrest_up == 1",
];

/// How long the start may take on a busy machine, and until the load has shown everything once.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
#[ignore = "make browser"]
fn everything_that_the_demo_prints_works() {
    let _turn = one_at_a_time();
    preview::build();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Process::command(root().join("target/debug/lab"));
    command.args(["demo", "--programs"]).arg(programs()).current_dir(root());
    let demo = Process::start("demo", command, log.path()).unwrap();
    let said = || std::fs::read_to_string(log.path()).unwrap();
    demo.wait_until("all scraped", LIMIT, || said().matches("_up=1 series=").count() >= 4).unwrap();
    let page = said();

    let urls: Vec<&str> = page.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    assert!(urls[0].contains("/d/pg-suite-overview?from=now-15m"), "dashboards come first: {page}");
    let answers: Vec<(&str, u16)> = urls.iter().map(|url| (*url, get(url).status)).collect();
    assert!(answers.len() >= 9 && answers.iter().all(|(_, status)| *status == 200), "{answers:?}");

    let lines = |from: &str, to: &str| page.split_once(from).unwrap().1.split(to).next().unwrap().to_owned();
    for line in lines("\nin a shell:\n", "\n\n").lines() {
        let (_, command) = line.split_once("  ").unwrap();
        succeed(command.trim());
    }
    let mine = lines("an exporter of your own, on the primary:\n", "\n\n");
    let (commands, serving) = mine.trim_end().rsplit_once('\n').unwrap();
    succeed(commands);
    let (export, serving) = (commands.lines().next().unwrap(), serving.trim().replace(":9630", ":0"));
    let served = sh(&format!("{export}\ntimeout --preserve-status 2 {serving}"));
    assert_eq!(served.status.code(), Some(0), "SIGTERM ends it in good order: {served:?}");
    assert!(String::from_utf8_lossy(&served.stderr).contains("server is up"), "{served:?}");

    let prometheus = urls.iter().find(|url| url.ends_with("/alerts")).unwrap().trim_end_matches("classic/alerts");
    for promql in SHOWN {
        until_shown(prometheus, promql);
    }
}

fn get(url: &str) -> lab::Response {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    lab::request(address.parse().unwrap(), "GET", &format!("/{path}"), &[]).unwrap()
}

fn sh(commands: &str) -> Output {
    Command::new("sh").args(["-ec", commands]).current_dir(root()).stdin(Stdio::null()).output().unwrap()
}

fn succeed(commands: &str) {
    let output = sh(commands);
    assert!(output.status.success(), "{commands}: {output:?}");
}

/// Waits for a result of Prometheus.
fn until_shown(prometheus: &str, promql: &str) {
    let encoded: String = promql.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = get(&format!("{prometheus}api/v1/query?query={encoded}")).text();
        if answer.contains("\"value\"") {
            return;
        }
        assert!(Instant::now() < deadline, "{promql}: {answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
