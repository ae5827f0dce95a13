//! The programs of one PostgreSQL version.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::account::Account;
use crate::error::{LabError, run, shown};

/// The password of the role `monitor`, who is a member of `pg_monitor`.
pub const MONITOR_PASSWORD: &str = "monitor-secret";

/// What a new data directory gets: the role `monitor` with what `collectors/pg/grants.sql` gives it, and the extension
/// `pg_stat_statements`.
pub(crate) fn init_sql() -> String {
    format!(
        "create role monitor login password '{MONITOR_PASSWORD}' in role pg_monitor;\n\
         alter role monitor set pg_stat_statements.track = 'none';\n\
         create extension pg_stat_statements;\n\
         grant execute on function pg_stat_file(text, boolean) to monitor;\n"
    )
}

/// An unpacked PostgreSQL, and the account that runs it.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    pub(crate) root: PathBuf,
    pub(crate) account: Account,
}

impl Installation {
    /// A command for one of its programs; see [`Account::command`] for `death_signal`.
    pub(crate) fn command(&self, program: &str, death_signal: Option<&str>) -> Command {
        let mut command = self.account.command(self.root.join("bin").join(program), death_signal);
        self.prepare(&mut command);
        command
    }

    /// Lets a command find this version's programs and libraries before any others.
    pub(crate) fn prepare(&self, command: &mut Command) {
        let system = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{system}", self.root.join("bin").display()));
        // Some of the libraries would look for libpq in a system folder and find another version's.
        command.env("LD_LIBRARY_PATH", self.root.join("lib"));
    }

    /// How a person runs psql in a shell: it need not be installed.
    pub(crate) fn psql(&self) -> String {
        let root = self.root.display();
        format!("LD_LIBRARY_PATH={root}/lib {root}/bin/psql")
    }

    /// Makes a data directory and runs [`init_sql`] in it.
    pub(crate) fn init(&self, data: &Path) -> Result<(), LabError> {
        let parent = data.parent().unwrap_or(data);
        let mut initdb = self.command("initdb", None);
        initdb.current_dir(parent);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        run(initdb.arg("-D").arg(data))?;

        let mut single = self.command("postgres", None);
        single.current_dir(parent);
        single.args(["--single", "-F", "-c", "exit_on_error=on", "-D"]).arg(data).arg("postgres");
        feed(single, &init_sql()).map(drop)
    }
}

/// Runs a command with `input` as its standard input and returns what it wrote to standard output.
pub(crate) fn feed(mut command: Command, input: &str) -> Result<String, LabError> {
    let what = || format!("running {}", shown(&command));
    let (reader, mut writer) = std::io::pipe().map_err(LabError::io(what()))?;
    command.stdin(Stdio::from(reader));
    thread::scope(|scope| {
        // Apart, since the command may fill its output before it has read all input. It may also end
        // before that: then its status says why, not the broken pipe.
        scope.spawn(move || writer.write_all(input.as_bytes()).ok());
        let output = run(&mut command);
        drop(command);
        output
    })
}
