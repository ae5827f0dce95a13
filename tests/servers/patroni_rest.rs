//! Patroni's REST interface behind `--patroni-url`: what its answers become, and that hostile ones cost its collectors only.
//! No PostgreSQL runs: these collectors need none.

mod server;

use lab::Exporter;
use server::{Answers, RestServer};
use support::certificates::{Authority, written};
use support::{DOWN, Page, binary, scrape, until};

/// What Patroni answers of a healthy cluster.
const HEALTHY: Answers = [
    r#"{"state":"running","role":"primary","patroni":{"version":"4.1.5","scope":"demo","name":"demo-1"}}"#,
    r#"{"members":[{"name":"demo-1","role":"leader","state":"running","timeline":2},
        {"name":"demo-2","role":"replica","state":"streaming","lag":16,"tags":{"rack":"b"}}],"scope":"demo"}"#,
    r#"[[1,25165920,"no recovery target specified","2026-11-30T10:00:00+00:00","demo-1"]]"#,
    r#"{"ttl":30,"loop_wait":10}"#,
];
/// The collectors of the interface.
const COLLECTORS: [&str; 7] = [
    "patroni_cluster",
    "patroni_history",
    "patroni_member",
    "patroni_member_state",
    "patroni_member_tag",
    "patroni_setting",
    "patroni_switchover",
];

/// An exporter of a PostgreSQL that is down, beside a Patroni at this URL.
fn exporter(url: &str, args: &[&str]) -> Exporter {
    Exporter::start(binary(), args, &[DOWN, ("PG_EXPORTER_PATRONI_URL", url)]).unwrap()
}

fn success(page: &Page, collector: &str) -> Option<f64> {
    page.value("pg_exporter_collector_success", &[("collector", collector), ("datname", "")])
}

/// The reason of the failed reads, once a scrape has seen one. These collectors fail and export no sample, the others run.
fn reason(exporter: &Exporter, failing: &[&str]) -> String {
    let mut page = scrape(exporter);
    until("the read has an outcome", || {
        page = scrape(exporter);
        page.samples("pg_exporter_collector_errors_total", &[])
            .iter()
            .any(|sample| sample.labels["reason"] != "starting")
    });
    for collector in COLLECTORS {
        let fails = failing.contains(&collector);
        assert_eq!(success(&page, collector), Some(f64::from(!fails)), "{collector}: {}", page.text);
        let metric = format!("{collector}_");
        let of_others =
            |family: &str| COLLECTORS.iter().any(|one| one.len() > collector.len() && family.starts_with(one));
        let exported = page.families().into_iter().any(|family| family.starts_with(&metric) && !of_others(family));
        assert!(!(fails && exported), "{collector}: {}", page.text);
    }
    assert_eq!(page.value("pg_up", &[]), Some(0.0));
    let errors = page.samples("pg_exporter_collector_errors_total", &[("collector", failing[0])]);
    let reasons = errors.iter().map(|sample| sample.labels["reason"].as_str()).filter(|reason| *reason != "starting");
    reasons.collect::<Vec<_>>().join(",")
}

/// What the status page, `explain` and the log say of the interface.
fn told(exporter: &Exporter) -> String {
    let explain = exporter.get("/explain").unwrap().text();
    let landing = exporter.get("/").unwrap().text();
    assert!(landing.contains("cannot be read"), "{landing}");
    assert!(!exporter.log().contains("panicked"), "{}", exporter.log());
    let line = explain.lines().find(|line| line.starts_with("# patroni ")).unwrap_or(&explain).to_owned();
    for text in [&explain, &landing, &exporter.log()] {
        assert!(!text.contains("s3cret") && !text.contains("czNjcmV0"), "{text}");
    }
    line
}

#[test]
fn answers_are_exported_while_the_server_is_down() {
    let patroni = RestServer::start(HEALTHY);
    let exporter = exporter(&patroni.url(), &[]);
    until("a read has succeeded", || success(&scrape(&exporter), "patroni_cluster") == Some(1.0));
    let page = scrape(&exporter);
    let dropped = page.samples("pg_exporter_dropped_samples_total", &[]);
    assert!(dropped.iter().all(|sample| sample.value == 0.0), "{dropped:?}");
    for collector in COLLECTORS {
        assert_eq!(success(&page, collector), Some(1.0), "{collector}: {}", page.text);
    }
    let of = |member| [("scope", "demo"), ("member", member)];
    assert_eq!(page.value("patroni_cluster_candidates", &[("scope", "demo")]), Some(1.0));
    assert_eq!(page.value("patroni_member_candidate", &of("demo-2")), Some(1.0));
    assert_eq!(page.value("patroni_member_lag_bytes", &of("demo-2")), Some(16.0));
    assert_eq!(page.value("patroni_member_lag_bytes", &of("demo-1")), None);
    assert_eq!(page.value("patroni_member_tag_info", &[("tag", "rack"), ("value", "b")]), Some(1.0));
    assert_eq!(page.value("patroni_member_state_info", &[("member", "demo-1"), ("obstacle", "leader")]), Some(1.0));
    let labels = [("timeline", "1"), ("new_leader", "demo-1")];
    assert_eq!(page.value("patroni_history_end_time_seconds", &labels), Some(1_796_032_800.0));
    assert_eq!(page.value("patroni_setting_maximum_lag_on_failover_bytes", &[]), Some(1_048_576.0));
    assert!(page.samples("patroni_switchover_scheduled_time_seconds", &[]).is_empty());
    let explain = exporter.get("/explain").unwrap().text();
    assert!(explain.contains("2 members, leader demo-1"), "{explain}");
    assert!(exporter.get("/").unwrap().text().contains("2 members, leader demo-1"));
    // A scrape asks Patroni for nothing.
    let before = patroni.requests();
    (0..20).for_each(|_| drop(scrape(&exporter)));
    assert!(patroni.requests() <= before + 4, "{} requests", patroni.requests() - before);
}

#[test]
fn without_a_url_nothing_is_read() {
    let exporter = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    let page = scrape(&exporter);
    assert_eq!(success(&page, "patroni_cluster"), None);
    assert!(!exporter.get("/explain").unwrap().text().contains("# patroni"));
}

#[test]
fn hostile_answers_cost_the_collectors_of_the_interface_only() {
    let huge = format!("[{}]", vec!["[1,2,\"x\"]"; 200_000].join(","));
    let with = |at: usize, answer: &'static str| {
        let mut answers = HEALTHY;
        answers[at] = answer;
        RestServer::start(answers)
    };
    let huge: &'static str = Box::leak(huge.into_boxed_str());
    let of_cluster =
        ["patroni_cluster", "patroni_member", "patroni_member_state", "patroni_member_tag", "patroni_switchover"];
    let of_config = ["patroni_cluster", "patroni_member", "patroni_member_state", "patroni_setting"];
    let failing: [&[&str]; 4] = [&COLLECTORS, &of_cluster, &["patroni_history"], &of_config];
    for (at, answer, expected, words) in [
        (1, "{\"members\": [", "json", "the answer of /cluster is not JSON"),
        (1, "[]", "json", "the answer of /cluster is not an object: is --patroni-url"),
        (2, huge, "too_large", "GET http://127.0.0.1:PORT/history: the answer has more than 1024 KiB"),
        (3, "STATUS 502", "protocol", "GET http://127.0.0.1:PORT/config: HTTP status 502: expected 200"),
        (0, "STATUS 302", "protocol", "HTTP status 302, a redirect, which is not followed"),
        (0, "STATUS 401", "auth", "HTTP status 401: expected 200 (user and password belong in --patroni-url)"),
        (2, "SILENCE", "timeout", "GET http://127.0.0.1:PORT/history: no answer within 3 s"),
        (2, "TRICKLE", "timeout", "no answer within 3 s"),
        (1, "CLOSE", "protocol", "no answer: "),
        (1, "GARBAGE", "protocol", "the answer is not HTTP"),
        (1, "SHORT", "closed", "the answer broke off"),
    ] {
        let patroni = with(at, answer);
        let exporter = exporter(&patroni.url().replace("http://", "http://monitor:s3cret@"), &[]);
        assert_eq!(reason(&exporter, failing[at]), expected, "{words}: {}", exporter.log());
        let (line, words) = (told(&exporter), words.replace("PORT", &patroni.port().to_string()));
        assert!(line.contains(&words), "{words}: {line}");
    }
}

#[test]
fn nothing_listening_and_no_name_are_told_apart() {
    for (url, expected, words) in [
        (
            "http://127.0.0.1:1",
            "refused",
            "GET http://127.0.0.1:1/patroni: connection refused (is Patroni running there?",
        ),
        ("http://no-such-host.invalid:8008", "dns", "cannot resolve the host name"),
        ("https://127.0.0.1:1", "refused", "connection refused"),
    ] {
        let exporter = exporter(url, &[]);
        assert_eq!(reason(&exporter, &COLLECTORS), expected, "{}", exporter.log());
        assert!(told(&exporter).contains(words), "{}", told(&exporter));
    }
}

#[test]
fn tls_is_verified_by_the_given_authority() {
    let (authority, other) = (Authority::new("patroni"), Authority::new("other"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| written(folder.path(), name, text).display().to_string();
    let (own, stranger) = (file("own.pem", &authority.pem), file("other.pem", &other.pem));
    let patroni = RestServer::start_tls(HEALTHY, &authority.issue("localhost"));
    let url = format!("https://localhost:{}", patroni.port());
    let trusting = exporter(&url, &["--patroni-ca-file", &own]);
    until("a read has succeeded", || success(&scrape(&trusting), "patroni_cluster") == Some(1.0));
    assert_eq!(scrape(&trusting).value("patroni_cluster_members", &[]), Some(2.0));
    let by_address = url.replace("localhost", "127.0.0.1");
    for (url, ca_file, words) in [
        (&url, &stranger, "TLS handshake failed"),
        (&by_address, &own, "TLS handshake failed"),
        (&url, &file("empty.pem", ""), "contains no usable certificate"),
        (&url, &"/nonexistent/ca.pem".to_owned(), "cannot read root certificate /nonexistent/ca.pem"),
    ] {
        let exporter = exporter(url, &["--patroni-ca-file", ca_file]);
        assert_eq!(reason(&exporter, &COLLECTORS), "tls", "{}", exporter.log());
        assert!(told(&exporter).contains(words), "{}", told(&exporter));
    }
}

#[test]
fn a_bad_url_ends_the_exporter_and_is_not_quoted() {
    let output = std::process::Command::new(binary())
        .env_clear()
        .envs([DOWN, ("PG_EXPORTER_PATRONI_URL", "http://monitor:s3cret@pg 1")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("--patroni-url is not a URL"), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
}
