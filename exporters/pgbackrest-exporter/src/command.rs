//! Runs a child process in its own process group, until a deadline.

use engine::Reason;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The maximum output of a child: the JSON of about 100,000 backups.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

/// How long a killed process may take to end; one that waits for a dead disk ends when the disk responds.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The user that pgBackRest runs as, if it is not our own.
#[derive(Debug, Clone)]
pub(crate) struct RunAs {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: PathBuf,
}

/// How to run pgBackRest.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub path: PathBuf,
    pub user: Option<RunAs>,
    /// Prefixes of variables that it does not inherit: it would read them as options.
    pub hidden_prefixes: Vec<&'static str>,
    /// Programs and their arguments that run it: see [`Program::in_background`].
    pub wrapper: Vec<OsString>,
}

/// The output of a child that ended by itself.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Why a run has no output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot run {program}: {source}")]
    Start { program: String, source: Error },
    #[error("{what} did not end within {limit} s and was killed")]
    Late { what: String, limit: f64 },
    #[error("{what} did not end within {limit} s and cannot be killed: process {pid} is blocked in the kernel")]
    Stuck { what: String, limit: f64, pid: u32, child: Box<Child> },
    #[error("{what} printed more than {MAX_OUTPUT_BYTES} bytes and was killed")]
    TooLarge { what: String },
    #[error("{what}: cannot read its output: {source}")]
    Read { what: String, source: Error },
}

impl RunError {
    /// The reason for metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Start { source, .. } => match source.kind() {
                ErrorKind::NotFound => Reason::Missing,
                ErrorKind::PermissionDenied => Reason::Permission,
                _ => Reason::Start,
            },
            Self::Late { .. } | Self::Stuck { .. } => Reason::Timeout,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Read { .. } => Reason::Output,
        }
    }
}

impl Program {
    /// Runs it with these arguments, and kills its process group at the deadline.
    pub async fn run(&self, arguments: &[OsString], deadline: Instant) -> Result<ProcessOutput, RunError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let name = self.path.display();
        let what = format!("{name} {}", arguments.first().map(|word| word.to_string_lossy()).unwrap_or_default());
        let mut child =
            self.command(arguments).spawn().map_err(|source| RunError::Start { program: name.to_string(), source })?;
        // Declared after the child, so that the group is killed before the child is dropped.
        let group = ProcessGroup::of(&child);
        let outputs = (child.stdout.take(), child.stderr.take());
        let read = async {
            let (stdout, stderr) = outputs;
            tokio::try_join!(read(stdout), read(stderr))
        };
        // Both outputs end when no process of the group has them open. The child is reaped after that: until then its process
        // id, which is the group's, is not reused.
        let (stdout, stderr) = match timeout(limit, read).await {
            Ok(Ok(outputs)) => outputs,
            Ok(Err(error)) => {
                group.end(&mut child).await;
                let too_large = error.kind() == ErrorKind::FileTooLarge;
                return Err(if too_large {
                    RunError::TooLarge { what }
                } else {
                    RunError::Read { what, source: error }
                });
            }
            Err(_) => return Err(timed_out(group, child, what, limit).await),
        };
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        match timeout(left, child.wait()).await {
            Ok(Ok(status)) => {
                group.release();
                Ok(ProcessOutput { status, stdout, stderr })
            }
            Ok(Err(source)) => Err(RunError::Read { what, source }),
            Err(_) => Err(timed_out(group, child, what, limit).await),
        }
    }

    /// The same program for long work: with a lower priority for processor and disk, the lowest with [`LOWEST`], and killed
    /// when the exporter is. Of the programs for that, those that are not installed are left out.
    pub fn in_background(&self, nice: u8) -> Self {
        let nice_text = nice.to_string();
        // The idle class of the disk gets nothing while anybody else uses it.
        let ionice: &[&str] = if nice == LOWEST { &["ionice", "-c", "3"] } else { &["ionice", "-c", "2", "-n", "7"] };
        let nice_words = ["nice", "-n", &nice_text];
        let priority: &[&[&str]] = if nice == 0 { &[] } else { &[&nice_words, ionice] };
        let death: &[&str] = &["setpriv", "--pdeathsig", DEATH_SIGNAL];
        let installed = priority.iter().chain([&death]).filter(|words| is_installed(words[0]));
        let wrapper = installed.flat_map(|words| words.iter()).map(OsString::from).collect();
        Self { wrapper, ..self.clone() }
    }

    /// The same program, which gets this signal instead of SIGKILL when the exporter is gone.
    pub fn ended_by(mut self, signal: &str) -> Self {
        if let Some(word) = self.wrapper.iter_mut().find(|word| *word == DEATH_SIGNAL) {
            *word = signal.into();
        }
        self
    }

    /// Starts it and lets it run. What it prints goes into a file.
    pub fn start(&self, arguments: &[OsString], log: &File) -> Result<RunningProcess, RunError> {
        let start = || {
            let mut command = self.command(arguments);
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
            command.spawn()
        };
        let child = start().map_err(|source| RunError::Start { program: self.path.display().to_string(), source })?;
        let group = ProcessGroup::of(&child);
        Ok(RunningProcess { group, child })
    }

    fn command(&self, arguments: &[OsString]) -> Command {
        let mut words = self.wrapper.iter().cloned().chain([self.path.clone().into()]);
        // Never empty: the path is the last of them.
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if self.hidden_prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
            command.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
            // The user may have no access to our own folder.
            command.current_dir("/");
        }
        command
    }
}

/// The lowest priority.
pub(crate) const LOWEST: u8 = 19;

/// What a process gets when the exporter is gone.
const DEATH_SIGNAL: &str = "KILL";

fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// A process that runs while other things are done. Its group is killed on drop.
pub(crate) struct RunningProcess {
    group: ProcessGroup,
    child: Child,
}

impl RunningProcess {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        let ended = !matches!(self.child.try_wait(), Ok(None));
        if ended {
            // It has been reaped.
            self.group.0 = None;
        }
        ended
    }

    /// Sends a signal: SIGKILL to its group, others to itself.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = self.group.0 {
            // It may just have ended.
            if signal == Signal::SIGKILL { killpg(group, signal) } else { kill(group, signal) }.ok();
        }
    }

    /// Waits for its end; returns whether it came in time.
    pub async fn wait(&mut self, limit: Duration) -> bool {
        let ended = timeout(limit, self.child.wait()).await.is_ok();
        if ended {
            self.group.0 = None;
        }
        ended
    }
}

async fn timed_out(group: ProcessGroup, mut child: Child, what: String, limit: Duration) -> RunError {
    let limit = (limit.as_secs_f64() * 10.0).round() / 10.0;
    let pid = child.id().unwrap_or_default();
    if group.end(&mut child).await {
        RunError::Late { what, limit }
    } else {
        RunError::Stuck { what, limit, pid, child: Box::new(child) }
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > MAX_OUTPUT_BYTES { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The process group of a child. Killed on drop, also if the task that runs it is aborted.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// Kills the group and waits for the child. Returns whether it ended in time.
    async fn end(self, child: &mut Child) -> bool {
        drop(self);
        timeout(KILL_TIMEOUT, child.wait()).await.is_ok()
    }

    /// Does not kill it: the child has been reaped, and its id may be reused.
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may just have ended.
            killpg(group, Signal::SIGKILL).ok();
        }
    }
}
