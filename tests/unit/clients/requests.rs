//! Requests that no scraper makes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lab::Exporter;
use support::DOWN;
use support::{binary, until};

#[test]
fn refuses_cross_site_reload_requests() {
    let exporter = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    let host = exporter.address().to_string();
    let own = format!("http://{host}");
    for path in ["/reload", "/-/reload"] {
        let status = |headers: &[(&str, &str)]| exporter.request("POST", path, headers).unwrap().status;
        for page in [
            &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")][..],
            &[("Origin", "https://evil.example")],
            &[("Origin", "null"), ("Content-Type", "text/plain")],
            &[("Sec-Fetch-Site", "same-site")],
            // A name that was rebound to our address.
            &[("Origin", &own), ("Sec-Fetch-Site", "same-origin")],
        ] {
            assert_eq!(status(page), 403, "{path}: {page:?}");
        }
        // Methods other than POST change nothing, whoever sends them.
        for method in ["GET", "HEAD", "OPTIONS", "PUT"] {
            assert_eq!(exporter.request(method, path, &[]).unwrap().status, 405, "{method} {path}");
        }
    }
    let reloads = |log: &str| log.matches("collector files reloaded").count();
    assert_eq!(reloads(&exporter.log()), 0, "{}", exporter.log());
    // As curl sends it, with and without a body, and the signal.
    for (path, headers) in [("/reload", &[][..]), ("/-/reload", &[("User-Agent", "curl/8.5.0"), ("Accept", "*/*")])] {
        assert_eq!(exporter.request("POST", path, headers).unwrap().status, 200, "{path}");
    }
    exporter.signal("HUP").unwrap();
    until("the signal's reload", || reloads(&exporter.log()) == 3);
}

/// The answer to what is sent, until the exporter closes.
fn exchange(exporter: &Exporter, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The answer may come, and the connection may end, before all is sent.
    stream.write_all(request).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn odd_requests_are_answered_in_bounded_memory() {
    let exporter = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.process().pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(exporter.get("/metrics").unwrap().status, 200);
    let before = resident();
    let close = "Host: x\r\nConnection: close\r\n";
    let body = "x".repeat(16 << 20);
    for (name, request, expected) in [
        ("HEAD", format!("HEAD /metrics HTTP/1.1\r\n{close}\r\n"), "200"),
        ("OPTIONS", format!("OPTIONS /metrics HTTP/1.1\r\n{close}\r\n"), "405"),
        ("TRACE", format!("TRACE /metrics HTTP/1.1\r\n{close}\r\n"), "405"),
        ("a body", format!("POST /reload HTTP/1.1\r\n{close}Content-Length: {}\r\n\r\n{body}", body.len()), "200"),
        ("half a body", format!("POST /reload HTTP/1.1\r\n{close}Content-Length: {}\r\n\r\nx", body.len()), "200"),
        ("chunks", format!("POST /reload HTTP/1.1\r\n{close}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "200"),
        (
            "expectation",
            format!("POST /reload HTTP/1.1\r\n{close}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
            "200",
        ),
        ("long query", format!("GET /liveness?{} HTTP/1.1\r\n{close}\r\n", "a=b&".repeat(8 << 10)), "200"),
        ("longer query", format!("GET /liveness?{body} HTTP/1.1\r\n{close}\r\n"), "4"),
        ("long header", format!("GET /liveness HTTP/1.1\r\n{close}X: {body}\r\n\r\n"), "431"),
        ("many headers", format!("GET /liveness HTTP/1.1\r\n{close}{}\r\n", "X: y\r\n".repeat(5000)), "431"),
        (
            "two lengths",
            format!("GET /liveness HTTP/1.1\r\n{close}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            "400",
        ),
        ("no HTTP", "hello\r\n\r\n".to_owned(), "400"),
        ("TLS", "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = exchange(&exporter, request.as_bytes());
        // A connection that is closed with something unread may lose the answer.
        let has_answer = answer.starts_with(&format!("HTTP/1.1 {expected}"));
        assert!(has_answer || (answer.is_empty() && request.len() > 100_000), "{name}: {answer}");
    }
    for (query, expected) in [
        ("max_lag=1", 503),
        ("max_lag=", 400),
        ("max_lag=NaN", 400),
        ("max_lag=-1", 400),
        ("max_lag=-0", 503),
        ("max_lag=inf", 503),
        ("max_lag=1e999", 503),
        ("max_lag=1s", 400),
        ("max_lag=0x1", 400),
        ("max_lag=%31", 503),
        ("max_lag=%ff", 400),
        ("max_lag=1&max_lag=x", 400),
    ] {
        assert_eq!(exporter.get(&format!("/replica?{query}")).unwrap().status, expected, "{query}");
    }
    assert!(resident() - before < 16 << 10, "{before} kB, then {} kB", resident());
    assert_eq!(exporter.get("/metrics").unwrap().status, 200);
}
