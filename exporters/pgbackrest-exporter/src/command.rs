//! Runs a child process in its own process group, until a deadline.

use engine::Reason;

use std::ffi::OsString;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
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

    fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).process_group(0).kill_on_drop(true);
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
