//! The server processes of clients, as the system shows them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::proc;

/// Between two looks of a [`BackendWatch`].
const INTERVAL: Duration = Duration::from_millis(20);

/// The processes of a PostgreSQL server whose title has certain words.
///
/// They are counted without asking the server: `pg_stat_activity` does not show a backend that is still logging in, and
/// cannot be read while a shared catalog is locked.
#[derive(Debug, Clone)]
pub struct Backends {
    data_dir: PathBuf,
    words: String,
}

/// Counts backends in the background until it is dropped.
#[derive(Debug)]
pub struct BackendWatch {
    backends: Backends,
    stop: Arc<AtomicBool>,
    counter: Option<JoinHandle<Vec<String>>>,
}

impl Backends {
    /// Those of the server with that data directory.
    pub fn new(data_dir: PathBuf, words: &str) -> Backends {
        Backends { data_dir, words: words.to_owned() }
    }

    /// Their titles, as in `postgres: monitor postgres 127.0.0.1(40100) startup waiting`.
    pub fn titles(&self) -> Vec<String> {
        self.processes().into_iter().map(|(_, title)| title).collect()
    }

    /// Stops each of them with SIGSTOP: the server accepts connections, and these never answer.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Sends each of them a signal: `TERM` as pg_terminate_backend does, `KILL` as a crash.
    pub fn signal(&self, signal: &str) {
        proc::send_if_there(signal, &self.pids());
    }

    /// Counts them from now on.
    pub fn watch(self) -> BackendWatch {
        let stop = Arc::new(AtomicBool::new(false));
        let (backends, stopped) = (self.clone(), stop.clone());
        let count = move || {
            let mut most = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let now = backends.titles();
                if now.len() > most.len() {
                    most = now;
                }
                thread::sleep(INTERVAL);
            }
            most
        };
        BackendWatch { backends: self, stop, counter: Some(thread::spawn(count)) }
    }

    /// Their process ids.
    pub fn pids(&self) -> Vec<u32> {
        self.processes().into_iter().map(|(pid, _)| pid).collect()
    }

    fn processes(&self) -> Vec<(u32, String)> {
        // Its first line is the postmaster's process id.
        let file = fs::read_to_string(self.data_dir.join("postmaster.pid")).unwrap_or_default();
        let Some(postmaster) = file.lines().next().and_then(|line| line.trim().parse().ok()) else { return Vec::new() };
        let titled = proc::tree(postmaster).into_iter().map(|pid| (pid, proc::title(pid)));
        titled.filter(|(_, title)| title.starts_with("postgres: ") && title.contains(&self.words)).collect()
    }
}

impl BackendWatch {
    /// The titles of the most that there were at a time.
    pub fn most(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.counter.take().and_then(|counter| counter.join().ok()).unwrap_or_default()
    }

    /// Those that are there now.
    pub fn now(&self) -> Vec<String> {
        self.backends.titles()
    }
}

impl Drop for BackendWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
