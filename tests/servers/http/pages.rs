//! The pages for people, and who may see them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use lab::{Exporter, Major, Postgres};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::certificates::{Authority, written};
use support::{Page, binary, exporter, until};

use super::{COLLECTORS, DOWN};

#[test]
fn serves_known_paths_only() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let name = r#"<i>"&'x"#;
    server.psql("postgres", &format!("create database \"{}\"", name.replace('"', "\"\""))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", COLLECTORS);
    let args = ["--config", config.to_str().unwrap(), "--web.telemetry-path", "/pg/metrics"];
    let exporter = exporter(&server, "postgres", &args);
    let get = |path: &str| {
        let response = exporter.get(path).unwrap();
        (response.status, response.header("content-type").unwrap_or_default().to_owned(), response.text())
    };
    let text = "text/plain; charset=utf-8".to_owned();
    // Before the first scrape too.
    for path in ["/explain", "/"] {
        let (status, _, body) = get(path);
        assert!(status == 200 && body.contains("primary, version 1"), "{path}: {body}");
    }
    assert_eq!(get("/metrics").0, 404);
    assert!(get("/pg/metrics").2.contains("\npg_up 1\n"));
    for path in ["/nothing", "/pg", "/pg/metrics/", "/up/", "/explain/x", "/debug/pprof", "/%2e%2e/etc/passwd"] {
        assert_eq!(get(path), (404, text.clone(), "not found: / is the status page".to_owned()), "{path}");
    }

    for path in ["/reload", "/-/reload"] {
        for method in ["GET", "PUT", "DELETE"] {
            let response = exporter.request(method, path, &[]).unwrap();
            assert_eq!((response.status, response.header("allow")), (405, Some("POST")), "{method} {path}");
            assert_eq!(response.text(), "method not allowed");
        }
        let response = exporter.request("POST", path, &[]).unwrap();
        assert_eq!((response.status, &*response.text()), (200, "server reloaded"));
    }
    written(folder.path(), "c.yml", "good: { qery: 1 }");
    let response = exporter.request("POST", "/reload", &[]).unwrap();
    assert!(response.status == 500 && response.text().starts_with("fail to reload: "), "{}", response.text());
    assert!(response.text().contains("c.yml:1:") && response.text().contains("qery"), "{}", response.text());

    get("/pg/metrics");
    let (status, kind, version) = get("/version");
    assert_eq!((status, kind), (200, text.clone()));
    assert!(version.starts_with(concat!("pg-exporter\nversion: ", env!("CARGO_PKG_VERSION"), "\n")), "{version}");
    let (status, kind, explain) = get("/explain");
    assert_eq!((status, kind), (200, text.clone()));
    assert!(explain.contains(&format!("# server 127.0.0.1:{}", server.port())), "{explain}");
    assert!(
        explain.contains("\n## database postgres, the main database\n")
            && explain.contains(&format!("\n## database {name}\n")),
        "{explain}"
    );
    assert!(explain.contains("failed (sql): ") && explain.contains("division by zero"), "{explain}");
    let (status, kind, stat) = get("/stat");
    assert_eq!((status, kind), (200, text));
    let rows: Vec<Vec<&str>> = stat.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0],
        ["datname", "collector", "scrapes", "hits", "errors", "skips", "series", "ttl/s", "duration/ms"]
    );
    assert_eq!((rows.len(), rows[1][..2].to_vec()), (9, vec!["postgres", "good"]), "{stat}");

    let (status, kind, page) = get("/");
    assert_eq!((status, &*kind), (200, "text/html; charset=utf-8"));
    for needed in ["<!DOCTYPE html>", "<meta name=\"viewport\"", "href=\"/pg/metrics\"", "href=\"/explain\""] {
        assert!(page.contains(needed), "{needed}: {page}");
    }
    assert!(page.contains("<bdi>&lt;i&gt;&quot;&amp;'x</bdi>") && !page.contains("<i>"), "{page}");
}

#[test]
fn serves_others_during_long_headers_and_slow_clients() {
    let exporter = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    let slow: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut client = TcpStream::connect(exporter.address()).unwrap();
            if number % 2 == 0 {
                client.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
            }
            client
        })
        .collect();
    let mut long = TcpStream::connect(exporter.address()).unwrap();
    // The answer may come, and the connection may end, before all is sent.
    long.write_all(format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(8 << 20)).as_bytes())
        .ok();
    let mut answer = Vec::new();
    long.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    for path in ["/liveness", "/metrics", "/"] {
        assert_eq!(exporter.get(path).unwrap().status, 200, "{path}");
    }
    drop(slow);
}

#[test]
fn enables_tls_and_basic_auth() {
    let authority = Authority::new("web");
    let issued = authority.issue("localhost");
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "cert.pem", &issued.certificate);
    written(folder.path(), "key.pem", &issued.key);
    let web = format!(
        "tls_server_config: {{ cert_file: cert.pem, key_file: key.pem }}\nbasic_auth_users: {{ scraper: '{}' }}\n",
        bcrypt::hash("open sesame", 4).unwrap()
    );
    let web = written(folder.path(), "web.yml", &web);
    let args = ["--web.config.file", web.to_str().unwrap()];
    let exporter = Exporter::start(binary(), &args, &[DOWN]).unwrap();
    // It says so once it listens.
    until("it tells where it listens", || exporter.log().contains("listen=https://"));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let get = |path: &str, authorization: &str| {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config.clone(), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(exporter.address()).unwrap());
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    // scraper:open sesame, and scraper:wrong
    let (good, bad) =
        ("Authorization: Basic c2NyYXBlcjpvcGVuIHNlc2FtZQ==\r\n", "Authorization: Basic c2NyYXBlcjp3cm9uZw==\r\n");
    for path in ["/metrics", "/", "/explain", "/up", "/liveness"] {
        for refused in ["", bad] {
            let answer = get(path, refused);
            assert!(
                answer.starts_with("HTTP/1.1 401 ") && answer.contains("www-authenticate: Basic"),
                "{path}: {answer}"
            );
            assert!(!answer.contains("pg_up"), "{answer}");
        }
    }
    let page = get("/metrics", good);
    assert!(
        page.starts_with("HTTP/1.1 200 ")
            && Page::parse(page.split_once("\r\n\r\n").unwrap().1.to_owned()).value("pg_up", &[]) == Some(0.0),
        "{page}"
    );
    // Without TLS there is no answer.
    assert!(exporter.get("/metrics").is_err());
}
