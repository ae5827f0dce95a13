//! A background process that ends with the value that owns it, and with this process.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{LabError, shown, tail};
use crate::proc;

/// Between two looks at a condition that nothing announces.
const POLL: Duration = Duration::from_millis(5);

/// A running background process. Dropping it ends it: its stop signal, then, after a bounded
/// wait, SIGKILL for it and its descendants.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    stop_signal: &'static str,
    exit: Arc<Exit>,
}

/// How the process ended, once it has.
#[derive(Debug, Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    known: Condvar,
}

impl Process {
    /// A command for [`Process::start`], run as the current user, which the kernel kills when this
    /// process dies, however it dies.
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// Starts the command in the background; both of its outputs are appended to the file `log`.
    pub fn start(name: &str, command: Command, log: &Path) -> Result<Process, LabError> {
        Process::start_stopped_by("TERM", name, command, log)
    }

    /// Like [`Process::start`], for a program that is asked to end by another signal than SIGTERM.
    pub(crate) fn start_stopped_by(
        stop_signal: &'static str,
        name: &str,
        command: Command,
        log: &Path,
    ) -> Result<Process, LabError> {
        Process::launch(stop_signal, name, command, log, Stdio::null())
    }

    /// Like [`Process::start`], for a program that reads its standard input.
    pub(crate) fn start_with_input(
        name: &str,
        command: Command,
        log: &Path,
        input: Stdio,
    ) -> Result<Process, LabError> {
        Process::launch("TERM", name, command, log, input)
    }

    fn launch(
        stop_signal: &'static str,
        name: &str,
        mut command: Command,
        log: &Path,
        input: Stdio,
    ) -> Result<Process, LabError> {
        let open = || File::options().append(true).create(true).open(log);
        let (out, err) = open()
            .and_then(|out| Ok((out.try_clone()?, out)))
            .map_err(LabError::io(format!("opening log {}", log.display())))?;
        // Its own group: a terminal's Ctrl-C reaches only this process, which then ends the others in order.
        command.stdin(input).stdout(out).stderr(err).process_group(0);
        let what = format!("starting {}", shown(&command));
        let exit = Arc::new(Exit::default());
        let pid = spawn_watched(command, Arc::clone(&exit)).map_err(LabError::io(what))?;
        Ok(Process { name: name.to_owned(), pid, log: log.to_owned(), stop_signal, exit })
    }

    /// The name it was started under, as errors say it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file with what it wrote to standard output and standard error.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// True until it has ended.
    pub fn is_running(&self) -> bool {
        self.exit.wait(Duration::ZERO).is_none()
    }

    /// True if it listens on a port, or a process that it has started: on one that somebody else has taken meanwhile there
    /// is somebody to connect to.
    pub(crate) fn listens_on(&self, port: u16) -> bool {
        proc::listens(&proc::tree(self.pid), port)
    }

    /// Waits for its end, no longer than `limit`; `None` if it still runs then.
    pub fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        self.exit.wait(limit)
    }

    /// Sends it a signal, named as in `kill -s`: `HUP`, `STOP`, `KILL`.
    pub fn signal(&self, signal: &str) -> Result<(), LabError> {
        if self.is_running() {
            return proc::send(signal, &[self.pid]);
        }
        Err(LabError::Unexpected(format!("sending SIG{signal} to {}: it has ended", self.name)))
    }

    /// Waits until `is_ready`, no longer than `limit`. `awaited` names the state for the error,
    /// which carries the end of the log; the end of the process ends the wait at once.
    pub fn wait_until(
        &self,
        awaited: &str,
        limit: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        let (name, awaited) = (self.name.clone(), awaited.to_owned());
        while !is_ready() {
            if let Some(status) = self.exit.wait(POLL) {
                return Err(LabError::Ended { name, awaited, status, log: self.log_tail() });
            }
            if Instant::now() > deadline {
                return Err(LabError::Late { name, awaited, limit, log: self.log_tail() });
            }
        }
        Ok(())
    }

    /// Ends it as dropping does.
    pub fn end(&self) {
        if !self.is_running() {
            return;
        }
        let tree = proc::tree(self.pid);
        proc::send_if_there(self.stop_signal, &[self.pid]);
        // A frozen process acts on the stop signal only once it is thawed.
        let frozen: Vec<u32> = tree.iter().copied().filter(|&pid| proc::is_stopped(pid)).collect();
        proc::send_if_there("CONT", &frozen);
        if self.exit.wait(Duration::from_secs(8)).is_none() {
            eprintln!("lab: {} did not end by SIG{}, killing it", self.name, self.stop_signal);
            proc::send_if_there("KILL", &tree);
            self.exit.wait(Duration::from_secs(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Exit {
    fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.known.wait_timeout_while(status, limit, |status| status.is_none());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn set(&self, ended: ExitStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        self.known.notify_all();
    }
}

/// Starts the command from a thread of its own, which then waits for its end.
///
/// The kernel sends the parent-death signal when the *thread* that started the process ends. This
/// thread lives as long as the process, so the signal comes only with the end of all of us, not
/// with the end of a test's thread that happened to start a server others still use.
fn spawn_watched(mut command: Command, exit: Arc<Exit>) -> std::io::Result<u32> {
    let (started, start) = mpsc::channel();
    thread::Builder::new().name("lab-process".into()).spawn(move || {
        let spawned = command.spawn();
        let child =
            spawned.as_ref().map(Child::id).map_err(|error| std::io::Error::new(error.kind(), error.to_string()));
        // The receiver waits for this below, so it is there.
        if started.send(child).is_ok()
            && let Ok(mut child) = spawned
        {
            // Waiting fails only for a child that is not ours, and then it is as good as ended.
            exit.set(child.wait().unwrap_or_default());
        }
    })?;
    start.recv().unwrap_or_else(|closed| Err(std::io::Error::other(closed)))
}
