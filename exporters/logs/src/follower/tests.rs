use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::*;
use crate::line::Field;
use crate::tail::Pattern;

/// A program that writes numbered lines, and the follower of its log.
struct Log {
    folder: TempDir,
    name: String,
    file: File,
    place: Place,
    follower: Follower,
    written: u64,
    seen: Vec<u64>,
}

impl Log {
    fn new(pattern: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let mut place = Place::file(&path).unwrap();
        if let Some(pattern) = pattern {
            place.pattern = Pattern::glob(pattern).unwrap();
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let follower = Follower::new(place.clone(), Format::Json, None);
        let mut log = Self { folder, name: "server.log".to_owned(), file, place, follower, written: 0, seen: vec![] };
        log.read();
        log
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn line(&mut self) -> String {
        self.written += 1;
        format!("{{\"pid\":{},\"message\":\"{}\"}}\n", self.written, "x".repeat(120))
    }

    fn write(&mut self, lines: u64) {
        for _ in 0..lines {
            let line = self.line();
            self.file.write_all(line.as_bytes()).unwrap();
        }
    }

    fn open(&mut self, name: &str) {
        self.wait_for_clock();
        self.name = name.to_owned();
        self.file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
    }

    /// Until what is written has another time than what was written before.
    fn wait_for_clock(&self) {
        let time = || fs::metadata(self.path("clock")).unwrap().modified().unwrap();
        fs::write(self.path("clock"), "").unwrap();
        let before = time();
        while time() == before {
            fs::write(self.path("clock"), "").unwrap();
        }
    }

    fn read(&mut self) -> Round {
        let seen = &mut self.seen;
        self.follower.round(&mut |line| seen.push(line.get(Field::Pid).unwrap().parse().unwrap()))
    }

    /// As after `kill -9`: what follows the last saved positions is read again.
    fn restart(&mut self) {
        let saved = serde_json::to_string(&self.follower.positions()).unwrap();
        let positions = serde_json::from_str(&saved).unwrap();
        self.follower = Follower::new(self.place.clone(), Format::Json, Some(positions));
    }

    fn copy_and_truncate(&mut self, to: &str) {
        fs::copy(self.path(&self.name), self.path(to)).unwrap();
        self.file.set_len(0).unwrap();
    }

    fn assert_read(&mut self) {
        while self.read().is_behind {}
        assert_eq!(self.seen, (1..=self.written).collect::<Vec<_>>());
        assert_eq!((self.follower.totals().not_understood, self.follower.lag_bytes()), (0, 0));
    }
}

#[test]
fn begins_at_the_end_of_what_is_there() {
    let mut log = Log::new(None);
    fs::write(log.path("server.log"), "{\"pid\":9}\n{\"pid\":9}\n{\"pid\":1").unwrap();
    log.follower = Follower::new(log.place.clone(), Format::Json, None);
    log.read();
    assert!(log.seen.is_empty());
    log.file.write_all(b"}\n").unwrap();
    log.written = 1;
    log.write(2);
    log.assert_read();
}

#[test]
fn follows_a_file_to_its_new_name_and_then_its_successor() {
    let mut log = Log::new(None);
    log.write(3);
    log.read();
    log.write(1);
    fs::rename(log.path("server.log"), log.path("server.log.1")).unwrap();
    log.write(1);
    log.read();
    // The program writes to the renamed file until it opens the new one.
    log.write(1);
    log.open("server.log");
    log.write(2);
    log.assert_read();
}

#[test]
fn follows_new_names_in_order() {
    let mut log = Log::new(Some("server*.log"));
    for name in ["server-1.log", "server-2.log", "server-0.log"] {
        log.write(2);
        log.open(name);
        log.write(1);
    }
    fs::write(log.path("other.log"), "{\"pid\":99}\n").unwrap();
    log.assert_read();
}

#[test]
fn reads_the_rest_of_a_file_from_its_copy() {
    for (pattern, copy) in [(None, "server.log.1"), (Some("server*.log"), "server-copy.log")] {
        for is_down in [false, true] {
            let mut log = Log::new(pattern);
            log.write(3);
            log.read();
            log.write(2);
            log.copy_and_truncate(copy);
            log.write(9);
            if is_down {
                log.restart();
            }
            log.assert_read();
            log.copy_and_truncate("server.log.2");
            log.write(1);
            log.assert_read();
        }
    }
}

#[test]
fn does_not_count_a_copy_twice() {
    let mut log = Log::new(Some("server*"));
    log.write(5);
    log.assert_read();
    fs::copy(log.path("server.log"), log.path("server.log.1")).unwrap();
    log.assert_read();
    log.write(1);
    log.restart();
    log.assert_read();
    log.file.set_len(0).unwrap();
    log.assert_read();
    fs::remove_file(log.path("server.log")).unwrap();
    log.open("server.log");
    log.write(1);
    log.restart();
    log.assert_read();
}

#[test]
fn starts_again_in_a_truncated_file() {
    let mut log = Log::new(None);
    log.write(5);
    log.assert_read();
    log.file.set_len(0).unwrap();
    log.write(5);
    log.assert_read();
    // A log_filename that comes again is written from its beginning.
    log.file.set_len(0).unwrap();
    log.write(20);
    log.assert_read();
}

#[test]
fn reads_a_deleted_file_to_its_end() {
    let mut log = Log::new(None);
    log.write(1);
    log.assert_read();
    log.write(2);
    fs::remove_file(log.path("server.log")).unwrap();
    log.assert_read();
    log.write(1);
    log.open("server.log");
    log.write(2);
    log.assert_read();
}

#[test]
fn ignores_compressed_files() {
    let mut log = Log::new(Some("server*"));
    log.write(2);
    log.assert_read();
    fs::rename(log.path("server.log"), log.path("server.log.1")).unwrap();
    log.open("server.log");
    log.write(1);
    log.assert_read();
    fs::write(log.path("server.log.1.gz"), "{\"pid\":99}\n").unwrap();
    fs::remove_file(log.path("server.log.1")).unwrap();
    log.write(1);
    log.assert_read();
}

#[test]
fn resumes_in_the_middle_of_a_line() {
    let mut log = Log::new(None);
    log.write(1);
    let line = log.line();
    let (begin, end) = line.split_at(40);
    log.file.write_all(begin.as_bytes()).unwrap();
    log.read();
    log.restart();
    log.file.write_all(end.as_bytes()).unwrap();
    log.write(1);
    log.assert_read();
}

#[test]
fn completes_an_event_of_several_lines_when_nothing_follows() {
    let mut log = Log::new(None);
    let mut messages = Vec::new();
    log.follower = Follower::new(log.place.clone(), Format::stderr("").unwrap(), None);
    log.follower.round(&mut |_| {});
    log.file.write_all(b"LOG:  a\n\tb\n").unwrap();
    let mut each = |line: &Line<'_>| messages.push(line.get(Field::Message).unwrap().to_owned());
    let round = log.follower.round(&mut each);
    let due = round.due.unwrap();
    let saved = log.follower.positions();
    std::thread::sleep(due);
    assert_eq!(log.follower.round(&mut each).due, None);
    assert_ne!(log.follower.positions(), saved);
    let mut again = Follower::new(log.place.clone(), Format::stderr("").unwrap(), Some(saved));
    std::thread::sleep(again.round(&mut each).due.unwrap());
    again.round(&mut each);
    assert_eq!(messages, ["a\nb", "a\nb"]);
}

#[test]
fn waits_for_a_folder_and_names_what_it_cannot_read() {
    let mut log = Log::new(None);
    let folder = log.path("later");
    let place = Place { directory: folder.clone(), pattern: Pattern::glob("*.json").unwrap() };
    log.follower = Follower::new(place, Format::Json, None);
    let problem = log.read().problem.unwrap();
    assert_eq!(problem.kind(), ErrorKind::NotFound);
    assert!(problem.to_string().starts_with(&format!("{}: ", folder.display())), "{problem}");
    fs::create_dir(&folder).unwrap();
    log.open("later/a.json");
    log.write(2);
    log.assert_read();
}

#[test]
fn is_not_held_up_by_other_than_files() {
    let mut log = Log::new(Some("server*"));
    nix::unistd::mkfifo(&log.path("server.fifo"), Mode::S_IRUSR).unwrap();
    fs::create_dir(log.path("server.folder")).unwrap();
    symlink("server.log", log.path("server.link")).unwrap();
    symlink("/dev/zero", log.path("server.zero")).unwrap();
    symlink("nowhere", log.path("server.nowhere")).unwrap();
    log.write(2);
    log.assert_read();
}

#[test]
fn reads_a_flood_in_rounds() {
    let mut log = Log::new(None);
    log.write(60_000);
    let round = log.read();
    assert!(round.is_behind && log.follower.lag_bytes() > 0);
    assert_eq!(log.follower.totals().bytes, ROUND_BYTES as u64);
    log.assert_read();
}

/// Any sequence of what happens to a log: each line is read once, in order.
#[test]
fn reads_each_line_once_whatever_happens() {
    for seed in 1..=20_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % below
        };
        let mut log = Log::new(Some("server*"));
        for step in 0..80 {
            match next(7) {
                0 | 1 => log.write(next(5)),
                2 => drop(log.read()),
                3 => log.restart(),
                4 => {
                    fs::rename(log.path(&log.name), log.path(&format!("server.log.{step}"))).unwrap();
                    log.write(next(2));
                    log.open("server.log");
                    log.write(1);
                }
                5 => {
                    let name = format!("server-{step}.log");
                    log.open(&name);
                    log.write(next(3));
                }
                _ => {
                    log.copy_and_truncate(&format!("server.copy.{step}"));
                    log.write(1);
                }
            }
        }
        while log.read().is_behind {}
        let mut seen = log.seen.clone();
        seen.sort_unstable();
        assert_eq!(seen, (1..=log.written).collect::<Vec<_>>(), "seed {seed}");
    }
}
