//! Clients that open connections and leave them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lab::{Exporter, Major, Postgres};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use support::{Page, binary, scrape};

/// The exporter under a soft and a hard limit of open files.
fn under_limits(server: &Postgres, soft: u32, hard: u32) -> (Exporter, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("limited");
    let line = format!("#!/bin/sh\nulimit -Sn {soft} && ulimit -Hn {hard} && exec '{}' \"$@\"\n", binary().display());
    std::fs::write(&script, line).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let url = server.url("monitor", "postgres");
    (Exporter::start(&script, &[], &[("PG_EXPORTER_URL", &url)]).unwrap(), folder)
}

/// A connection that is kept after a request.
fn kept(exporter: &Exporter) -> TcpStream {
    let mut client = TcpStream::connect(exporter.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(b"GET /liveness HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let read = client.read(&mut [0; 512]).unwrap_or_default();
    assert!(read > 0, "no answer within 20 s");
    client
}

#[test]
fn two_thousand_idle_clients_delay_no_scrape() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(10_000), hard).unwrap();
    let server = Postgres::start(Major::NEWEST).unwrap();
    for (soft, hard) in [(1024, 1024), (1024, 4096), (100, 100)] {
        let (exporter, _folder) = under_limits(&server, soft, hard);
        assert!(scrape(&exporter).is_up());
        let mut clients = Vec::new();
        while clients.len() < 2000 {
            clients.push(kept(&exporter));
            if clients.len() % 200 == 0 {
                let response = exporter.get("/metrics").unwrap();
                let page = Page::parse(response.text());
                assert!(page.is_up(), "{}", exporter.log());
                assert!(response.elapsed < Duration::from_secs(10), "{:?}", response.elapsed);
            }
        }
        let page = scrape(&exporter);
        let value = |name: &str| page.value(name, &[]).unwrap();
        let limit = value("pg_exporter_http_connections_limit");
        assert_eq!(limit, f64::from(hard / 2).min(512.0));
        assert!(value("pg_exporter_http_connections") <= limit);
        assert!(value("pg_exporter_http_connections_closed_total") >= 2000.0 - limit);
        assert_eq!(value("process_max_fds"), f64::from(hard));
        assert!(value("process_open_fds") < f64::from(hard));
        // Connections closed for others are no event that a log should be full of.
        assert!(exporter.log().lines().count() < 10, "{}", exporter.log());
    }
}

#[test]
fn connection_limit_is_configurable() {
    let exporter = Exporter::start(binary(), &["--web.max-connections=2"], &[support::DOWN]).unwrap();
    let clients: Vec<TcpStream> = (0..5).map(|_| kept(&exporter)).collect();
    let page = scrape(&exporter);
    assert_eq!(page.value("pg_exporter_http_connections_limit", &[]), Some(2.0));
    assert!(page.value("pg_exporter_http_connections_closed_total", &[]).unwrap() >= 3.0);
    drop(clients);
}
