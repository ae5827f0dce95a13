//! A log that nobody reads.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{LIMIT, Page, binary, until};

/// An exporter whose standard error is a pipe.
struct Piped {
    child: Child,
    address: SocketAddr,
    /// What the test writes itself, to fill the pipe.
    writer: PipeWriter,
    reader: BufReader<PipeReader>,
}

impl Piped {
    /// Starts it, and reads as far as the line that tells where it listens.
    fn start(config: &Path) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(binary());
        command.args(["--web.listen-address=127.0.0.1:0", "--config"]).arg(config);
        command.env_clear().env("PATH", "/usr/bin:/bin").envs([support::DOWN]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer.try_clone().unwrap()).spawn();
        let mut reader = BufReader::new(reader);
        let mut line = String::new();
        while !line.contains("listen=") {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        let (_, address) = line.split_once("listen=http://").unwrap();
        let address = address.split_whitespace().next().unwrap().parse().unwrap();
        Self { child: child.unwrap(), address, writer, reader }
    }

    /// Fills the pipe, so that the next write to it lasts until somebody reads.
    fn fill(&self) {
        let mut writer = self.writer.try_clone().unwrap();
        // It stays in its last write until the pipe is read.
        thread::spawn(move || while writer.write_all(b"not read\n").is_ok() {});
        let is_full = || nix::poll::poll(&mut [poll_for_room(&self.writer)], 0_u8).unwrap() == 0;
        until("the pipe is full", is_full);
    }

    fn request(&self, method: &str, path: &str) -> lab::Response {
        lab::request(self.address, method, path, &[]).unwrap()
    }
}

fn poll_for_room(writer: &PipeWriter) -> nix::poll::PollFd<'_> {
    use std::os::fd::AsFd;
    nix::poll::PollFd::new(writer.as_fd(), nix::poll::PollFlags::POLLOUT)
}

impl Drop for Piped {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn unread_log_blocks_nothing_and_counts_lost_lines() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yml");
    std::fs::write(&config, "a: { query: SELECT 1 AS n, metrics: [ n: { usage: GAUGE } ] }\n").unwrap();
    let mut piped = Piped::start(&config);
    let dropped = |piped: &Piped| {
        let page = Page::parse(piped.request("GET", "/metrics").text());
        page.value("pg_exporter_log_lines_dropped_total", &[])
    };
    let before = dropped(&piped);
    piped.fill();
    // Each of these is logged with a line of more than a megabyte.
    std::fs::write(&config, format!("a: {{ query: {}, timeout: x }}\n", "x".repeat(1 << 20))).unwrap();
    for _ in 0..8 {
        assert_eq!(piped.request("POST", "/reload").status, 500);
        assert_eq!(piped.request("GET", "/liveness").status, 200);
        assert_eq!(piped.request("GET", "/metrics").status, 200);
    }
    assert_eq!(before, Some(0.0));
    assert!(dropped(&piped).unwrap() > 0.0);

    // The reader is back: the lines that were kept come, and then that others were lost.
    let mut reader = std::mem::replace(&mut piped.reader, BufReader::new(std::io::pipe().unwrap().0));
    let read_on = thread::spawn(move || {
        let mut line = Vec::new();
        while !String::from_utf8_lossy(&line).contains("log lines dropped") {
            line.clear();
            assert!(reader.read_until(b'\n', &mut line).unwrap() > 0);
        }
        (String::from_utf8_lossy(&line).into_owned(), reader)
    });
    let deadline = Instant::now() + LIMIT;
    while !read_on.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(read_on.is_finished(), "no line tells of what was lost");
    let (line, _reader) = read_on.join().unwrap();
    assert!(line.contains("level=warn") && line.contains("lines="), "{line}");
}

#[test]
fn unread_log_does_not_delay_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yml");
    std::fs::write(&config, "a: { query: SELECT 1 AS n, metrics: [ n: { usage: GAUGE } ] }\n").unwrap();
    for signal in ["TERM", "INT"] {
        let mut piped = Piped::start(&config);
        piped.fill();
        for _ in 0..3 {
            assert_eq!(piped.request("POST", "/reload").status, 200);
        }
        Command::new("kill").args(["-s", signal, &piped.child.id().to_string()]).status().unwrap();
        let mut status = None;
        until("the end", || {
            status = piped.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0), "SIG{signal}");
    }
}

#[test]
fn commands_wait_for_a_slow_reader() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yml");
    let faults = 2_000;
    let text: String = (0..faults).map(|n| format!("c{n}: {{ query: SELECT 1 AS n, timeout: x }}\n")).collect();
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(binary());
    command.env_clear().arg("check").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut begin = [0; 16];
    stderr.read_exact(&mut begin).unwrap();
    // Longer than a server would wait with its last lines.
    thread::sleep(Duration::from_secs(2));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(rest.contains(&format!("c.yml:{faults}:")), "{}", &rest[rest.len() - 500..]);
}
