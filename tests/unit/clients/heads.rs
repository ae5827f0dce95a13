//! Requests that are nearly those of a scraper.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use lab::Exporter;
use support::{DOWN, binary};

#[test]
fn mutated_heads_are_answered_or_closed() {
    let exporter = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    replay::replay("http_head", 1_000, |head| {
        let mut stream = TcpStream::connect(exporter.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The answer may come, and the connection may end, before all is sent.
        stream.write_all(head).ok();
        stream.shutdown(Shutdown::Write).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1."), "{text}");
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(head.split("\r\n").all(|line| !line.contains(char::is_control)), "{head:?}");
    });
    assert_eq!(exporter.get("/metrics").unwrap().status, 200);
    let log = exporter.log();
    assert!(!log.contains("panic") && !log.contains("a bug"), "{log}");
}
