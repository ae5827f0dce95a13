//! The account that runs the database servers: PostgreSQL refuses to run as root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::error::{LabError, run};

/// The account that stands in for root.
const NAME: &str = "postgres";

/// Who runs the database servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The current user, who is not root.
    Own,
    /// The user `postgres`, since we are root.
    Postgres,
}

impl Account {
    /// The account for this process; creates the user `postgres` where root lacks it.
    pub(crate) fn get() -> Result<Account, LabError> {
        if user_id()? != 0 {
            return Ok(Account::Own);
        }
        if !exists() {
            let created = run(Command::new("useradd").args([
                "--system",
                "--user-group",
                "--home-dir=/var/lib/postgresql",
                "--shell=/bin/sh",
                NAME,
            ]));
            // Another process may have created it at the same time.
            if !exists() {
                created?;
            }
        }
        Ok(Account::Postgres)
    }

    /// Its name, where it is another user than ours.
    pub(crate) fn name(self) -> Option<&'static str> {
        (self == Account::Postgres).then_some(NAME)
    }

    /// A command under this account, with a bare environment: what the caller's `PG*` variables say
    /// is not for the lab's servers. With `death_signal` it gets that signal when this process dies.
    pub(crate) fn command(self, program: impl AsRef<OsStr>, death_signal: Option<&str>) -> Command {
        let mut command = Command::new("setpriv");
        if self == Account::Postgres {
            command.args(["--reuid", NAME, "--regid", NAME, "--init-groups"]);
        }
        // Setting a user clears the death signal; setpriv sets it last.
        command.args(death_signal.iter().flat_map(|signal| ["--pdeathsig", signal]));
        command.arg("--").arg(program);
        bare_environment(&mut command);
        command
    }

    /// Makes the account the owner of a file, or of a folder with all that is in it.
    pub(crate) fn own(self, path: &Path) -> Result<(), LabError> {
        match self {
            Account::Own => Ok(()),
            Account::Postgres => run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(path)).map(drop),
        }
    }

    /// True if the account can enter the folder, all folders above it included.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        run(self.command("test", None).arg("-x").arg(folder)).is_ok()
    }
}

/// Leaves of the caller's environment only the search path for programs.
pub(crate) fn bare_environment(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("HOME", "/nonexistent");
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
}

/// The effective user id of this process.
pub(crate) fn user_id() -> Result<u32, LabError> {
    fs::metadata("/proc/self").map(|own| own.uid()).map_err(LabError::io("reading the owner of /proc/self"))
}

fn exists() -> bool {
    run(Command::new("getent").args(["passwd", NAME])).is_ok()
}
