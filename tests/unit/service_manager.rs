//! What an exporter tells the service manager that started it.

use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use lab::Exporter;
use support::command_line::{COLLECTORS, err};
use support::notify::NotifySocket;
use support::{DOWN, binary};

#[test]
fn is_ready_when_it_listens_and_tells_of_reload_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let socket = NotifySocket::bind(folder.path());
    let file = folder.path().join("quick.yml");
    std::fs::write(&file, COLLECTORS).unwrap();
    let config = format!("--config={}", file.display());
    let exporter = Exporter::start(binary(), &[&config], &[DOWN, ("NOTIFY_SOCKET", socket.path())]).unwrap();
    assert_eq!(socket.next(), format!("READY=1\nSTATUS={}\n", exporter.url("")));

    let reload = || {
        exporter.signal("HUP").unwrap();
        let message = socket.next();
        let (state, time) = message.split_once('\n').unwrap();
        assert_eq!(state, "RELOADING=1");
        let time: u64 = time.trim().strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        (time, socket.next())
    };
    let (first, done) = reload();
    assert_eq!(done, "READY=1\nSTATUS=2 collectors loaded\n");
    std::fs::write(&file, "bad: {").unwrap();
    let (second, done) = reload();
    assert_eq!(done, "READY=1\nSTATUS=reload failed: the previous collector files stay in effect\n");
    assert!(second > first);

    exporter.signal("TERM").unwrap();
    assert_eq!(socket.next(), "STOPPING=1\n");
    // Nobody asked for signs of life.
    drop(exporter);
    assert_eq!(socket.pending(), None);
}

#[test]
fn shows_signs_of_life_twice_in_the_interval_of_the_watchdog() {
    let folder = tempfile::tempdir().unwrap();
    let socket = NotifySocket::bind(folder.path());
    let env = [DOWN, ("NOTIFY_SOCKET", socket.path()), ("WATCHDOG_USEC", "2000000")];
    let _exporter = Exporter::start(binary(), &[], &env).unwrap();
    // What was sent before the test listened.
    while socket.pending().is_some() {}
    socket.until("WATCHDOG=1");
    let begin = Instant::now();
    assert_eq!(socket.until("WATCHDOG=1"), "WATCHDOG=1\n");
    let milliseconds = begin.elapsed().as_millis();
    assert!((900..1900).contains(&milliseconds), "the next one after {milliseconds} ms, expected 1000");
}

#[test]
fn is_not_ready_when_it_cannot_listen() {
    let folder = tempfile::tempdir().unwrap();
    let socket = NotifySocket::bind(folder.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--web.listen-address={}", taken.local_addr().unwrap());
    let mut command = Command::new(binary());
    let output = command.env_clear().envs([DOWN, ("NOTIFY_SOCKET", socket.path())]).arg(listen).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert_eq!(socket.pending(), None);
}
