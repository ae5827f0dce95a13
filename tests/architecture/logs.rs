//! The logs of the whole architecture: what Patroni writes, and what arrives in the store.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lab::{Architecture, Exporter, Plan, Ports};
use support::vector::{Pipeline, READ_AT, configuration};
use support::{one_at_a_time, programs, scrape, until};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn every_log_is_read_and_shipped() {
    let _turn = one_at_a_time();
    let plan = Plan { programs: programs().to_owned(), ports: Ports::Free, ..Plan::default() };
    let architecture = Architecture::start(&plan).unwrap();
    let primary = architecture.wait_for_cluster(LIMIT).unwrap();
    patroni_is_read(&architecture);
    for node in [primary, architecture.replica().unwrap()] {
        an_error_arrives(&architecture, node);
    }
    other_logs_arrive(&architecture);
    the_store_takes_what_vector_sends(&architecture, primary);
    a_promotion_is_counted(&architecture);
}

/// What an exporter counts in the log of Patroni is what stands there.
fn a_promotion_is_counted(architecture: &Architecture) {
    let at = architecture.replica().unwrap();
    let member = &architecture.nodes[at].member;
    let log = member.process().log_file();
    let flag = format!("--log.patroni-path={}", log.display());
    let url = member.monitor_url("postgres");
    let args = [flag.as_str(), "--disable-sampling"];
    let exporter = Exporter::start(&programs().join("pg-exporter"), &args, &[("PG_EXPORTER_URL", &url)]).unwrap();
    let counted = || scrape(&exporter).value("patroni_log_event_total", &[("event", "promoted self to leader")]);
    until("the log is read", || {
        scrape(&exporter).value("pg_exporter_log_read", &[("program", "patroni")]) == Some(1.0)
    });
    let in_the_log = || std::fs::read_to_string(log).unwrap().matches("promoted self to leader").count() as f64;
    let before = in_the_log();
    architecture.switch_over(at).unwrap();
    until("the promotion is counted", || counted() == Some(in_the_log() - before) && counted() > Some(0.0));
}

fn patroni_is_read(architecture: &Architecture) {
    let pipeline = Pipeline::of("patroni");
    for node in &architecture.nodes {
        let file = node.member.process().log_file();
        let events = pipeline.read(file, &std::fs::read(file).unwrap());
        let told: Vec<&str> = events.iter().map(|event| event["severity"].as_str().unwrap()).collect();
        assert!(told.contains(&"INFO") && events.len() > 2, "{events:#?}");
        for event in &events {
            assert_eq!((&event["src"], &event["cls"]), (&"patroni".into(), &"pg-main".into()), "{event}");
            assert_ne!(event["severity"], "UNKNOWN", "{event}");
            assert_ne!(event["timestamp"], READ_AT, "{event}");
        }
    }
}

fn an_error_arrives(architecture: &Architecture, node: usize) {
    let member = &architecture.nodes[node].member;
    let now = r#"select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS')"#;
    let begun = member.psql("postgres", now).unwrap();
    let statement = format!("select\n '{}' / 0", member.name());
    member.psql("postgres", &statement).unwrap_err();
    let query = format!("cls:=pg-lab ins:={} src:=postgres severity:=ERROR code:=22P02", member.name());
    let event = architecture.logs.wait_for(&query, LIMIT).unwrap();
    assert!(event["_time"].as_str().unwrap() >= begun.as_str(), "{event}");
    assert_eq!(event["query"], statement, "{event}");
    assert_eq!(event["datname"], "postgres", "{event}");
    assert!(event["_msg"].as_str().unwrap().contains("invalid input syntax"), "{event}");
}

fn other_logs_arrive(architecture: &Architecture) {
    for node in &architecture.nodes {
        for (src, severity) in [("patroni", "INFO"), ("pgbouncer", "LOG"), ("postgres", "LOG")] {
            let name = node.member.name();
            let query = format!("cls:=pg-lab ins:={name} src:={src} severity:={severity}");
            architecture.logs.wait_for(&query, LIMIT).unwrap();
        }
    }
    let query = r#"cls:=pg-lab src:=pgbackrest severity:=INFO "backup command end""#;
    architecture.logs.wait_for(query, LIMIT).unwrap();
}

/// In the bulk form of Elasticsearch, to the path and with the parameters of `vector/victorialogs.yaml`.
fn the_store_takes_what_vector_sends(architecture: &Architecture, node: usize) {
    let file = architecture.nodes[node].member.log_file();
    let events = Pipeline::of("postgres_json").read(&file, &std::fs::read(&file).unwrap());
    let sent = events.iter().find(|event| event["code"] == "22P02").unwrap();
    let sink = &configuration("victorialogs.yaml")["sinks"]["victorialogs"];
    let path = sink["endpoints"][0].as_str().unwrap().strip_prefix("http://127.0.0.1:9428").unwrap().to_owned();
    let parameter = |(name, value): (&String, &serde_json::Value)| format!("{name}={}", value.as_str().unwrap());
    let parameters: Vec<String> = sink["query"].as_object().unwrap().iter().map(parameter).collect();
    let target = format!("{path}_bulk?{}", parameters.join("&"));
    let body: String = events.iter().map(|event| format!("{{\"create\":{{}}}}\n{event}\n")).collect();
    let answer = post(architecture.logs.address(), &target, &body);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let event =
        architecture.logs.wait_for(r#"{cls="pg-main"} severity:in(ERROR,FATAL,PANIC) code:=22P02"#, LIMIT).unwrap();
    assert_eq!(event["_msg"], sent["message"]);
    // The store leaves zeros at the end out.
    let time = |event: &serde_json::Value, field: &str| {
        let time = event[field].as_str().unwrap().trim_end_matches('Z').to_owned();
        if time.contains('.') { time.trim_end_matches('0').trim_end_matches('.').to_owned() } else { time }
    };
    assert_eq!(time(&event, "_time"), time(sent, "timestamp"));
    assert_eq!(event["_stream"], r#"{cls="pg-main",ins="pg-main-1",src="postgres"}"#);
    for field in ["query", "datname", "user", "pid", "ip"] {
        assert_eq!(event[field], sent[field], "{field}");
    }
    let stored = architecture.logs.query("cls:=pg-main").unwrap();
    assert_eq!(stored.len(), events.len().min(1000));
}

fn post(address: SocketAddr, target: &str, body: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        client,
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}
