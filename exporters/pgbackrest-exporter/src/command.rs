//! One child process: its own group, a deadline for all of it, nothing left behind.

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

/// The most that a child may print to one of its outputs: the JSON of some 100,000 backups.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// How long a killed process may take to go; one that waits for a dead disk goes when the disk answers.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Who runs pgBackRest, where that is another user than ours.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: PathBuf,
}

/// How to run pgBackRest, whatever the command.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub path: PathBuf,
    pub user: Option<User>,
    /// What its variables may not begin with: pgBackRest would take them for options, or they are none of its business.
    pub hidden_variables: Vec<&'static str>,
}

/// What a child that ended by itself left.
#[derive(Debug)]
pub(crate) struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot run {program}: {source}")]
    Start { program: String, source: Error },
    #[error("{what} did not end within {limit} s and was killed")]
    Late { what: String, limit: f64 },
    #[error("{what} did not end within {limit} s and cannot be killed: process {pid} waits in the kernel")]
    Stuck { what: String, limit: f64, pid: u32, child: Box<Child> },
    #[error("{what} printed more than {MOST_BYTES} bytes and was killed")]
    TooLarge { what: String },
    #[error("{what}: cannot read its output: {source}")]
    Read { what: String, source: Error },
}

impl RunError {
    /// One short stable word for it.
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
    /// Runs it with these arguments to its end, or kills its process group at the deadline.
    pub async fn run(&self, arguments: &[OsString], deadline: Instant) -> Result<Output, RunError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let name = self.path.display();
        let what = format!("{name} {}", arguments.first().map(|word| word.to_string_lossy()).unwrap_or_default());
        let mut child =
            self.command(arguments).spawn().map_err(|source| RunError::Start { program: name.to_string(), source })?;
        // Declared after the child, so that it is dropped, and the group killed, before the child is given up.
        let group = Group::of(&child);
        let outputs = (child.stdout.take(), child.stderr.take());
        let read = async {
            let (stdout, stderr) = outputs;
            tokio::try_join!(read(stdout), read(stderr))
        };
        // Both outputs are at their end when no process holds them open any more. The child itself is waited for after
        // that: until then its process id, which is the group's, belongs to nobody else.
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
            Err(_) => return Err(late(group, child, what, limit).await),
        };
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        match timeout(left, child.wait()).await {
            Ok(Ok(status)) => {
                group.release();
                Ok(Output { status, stdout, stderr })
            }
            Ok(Err(source)) => Err(RunError::Read { what, source }),
            Err(_) => Err(late(group, child, what, limit).await),
        }
    }

    fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if self.hidden_variables.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())) {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
            command.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
            // Our own folder may be one that this user cannot enter.
            command.current_dir("/");
        }
        command
    }
}

async fn late(group: Group, mut child: Child, what: String, limit: Duration) -> RunError {
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
        pipe.take(MOST_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > MOST_BYTES { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The process group of a child; killed when this is dropped, also with the task that runs it.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// Kills the group and waits for the child's end. Returns whether it came.
    async fn end(self, child: &mut Child) -> bool {
        drop(self);
        timeout(LAST_MOMENT, child.wait()).await.is_ok()
    }

    /// Leaves it alone: the child has been waited for, and the number may be another's from now on.
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have gone just now.
            killpg(group, Signal::SIGKILL).ok();
        }
    }
}
