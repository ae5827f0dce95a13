//! pgBackRest: its releases out of Debian's suites, and repositories for servers of the lab.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::cache::Cache;
use crate::error::{LabError, run};
use crate::exporter::Exporter;
use crate::folder::Folder;
use crate::postgres::Postgres;
use crate::releases::BackrestRelease;

/// A pgBackRest with a configuration and a folder for repositories, run as the account that runs the servers.
#[derive(Debug)]
pub struct Backrest {
    program: PathBuf,
    account: Account,
    folder: Folder,
}

impl Backrest {
    /// One without a stanza. `options` are lines of its configuration beside the lab's own, as `repo2-path=…`; in them
    /// `{folder}` stands for its folder. The first repository is `repo1` in that folder.
    pub fn new(release: BackrestRelease, options: &[&str]) -> Result<Backrest, LabError> {
        let cache = Cache::open()?;
        let program = cache.pgbackrest(release)?;
        let folder = Folder::new()?;
        let own = [
            "repo1-path={folder}/repo1",
            "repo1-retention-full=9",
            "log-level-file=off",
            "log-path={folder}/log",
            "lock-path={folder}/lock",
            "spool-path={folder}/spool",
            "start-fast=y",
            "compress-level=1",
        ];
        // It refuses to be told a thing twice.
        let name = |line: &str| line.split('=').next().map(str::to_owned);
        let is_left = |line: &&&str| !options.iter().any(|option| name(option) == name(line));
        let lines: String = own.iter().filter(is_left).chain(options).map(|line| format!("{line}\n")).collect();
        let backrest = Backrest { program, account: Account::get()?, folder };
        let here = backrest.folder.path().display().to_string();
        write(&backrest.config(), &format!("[global]\n{}", lines.replace("{folder}", &here)))?;
        // It would go on without a log.
        let log = backrest.log_dir();
        fs::create_dir(&log).map_err(LabError::io(format!("creating {}", log.display())))?;
        backrest.account.own(backrest.folder.path())?;
        Ok(backrest)
    }

    /// The program, to be run with this configuration.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("pgbackrest.conf")
    }

    /// The folder with its repositories.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder with its log files; nothing is logged unless asked for.
    pub fn log_dir(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// An exporter, this program, that reads the repositories as the user that owns them.
    pub fn exporter(&self, program: &Path) -> Result<Exporter, LabError> {
        let mut args = vec![
            format!("--backrest.binary={}", self.program().display()),
            format!("--backrest.config={}", self.config().display()),
            "--collect.interval=5".to_owned(),
            "--backrest.database-count-latest".to_owned(),
        ];
        args.extend(self.user().map(|user| format!("--backrest.user={user}")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Exporter::start(program, &args, &[])
    }

    /// The user that owns the repositories, where that is another one than ours.
    pub fn user(&self) -> Option<&'static str> {
        self.account.name()
    }

    /// What a server's `archive_command` has to be.
    pub fn archive_command(&self, stanza: &str) -> String {
        format!("{} --config={} --stanza={stanza} archive-push %p", self.program.display(), self.config().display())
    }

    /// What `archive_command` has to be on a member of a cluster, whose data directory is its own.
    pub(crate) fn archive_command_of(&self, stanza: &str, data: &Path) -> String {
        format!("{} archive-push %p", self.on(stanza, data))
    }

    /// What `restore_command` has to be there.
    pub(crate) fn restore_command_of(&self, stanza: &str, data: &Path) -> String {
        format!("{} archive-get %f %p", self.on(stanza, data))
    }

    fn on(&self, stanza: &str, data: &Path) -> String {
        let (program, config, data) = (self.program.display(), self.config(), data.display());
        format!("{program} --config={} --stanza={stanza} --pg1-path={data}", config.display())
    }

    /// A command with this configuration for a stanza, as the account that owns the repositories.
    pub fn command(&self, stanza: &str, arguments: &[&str]) -> Command {
        let mut command = self.account.command(&self.program, None);
        command.arg(format!("--config={}", self.config().display())).arg(format!("--stanza={stanza}"));
        command.args(["--log-level-console=off", "--log-level-stderr=error"]).args(arguments);
        command.current_dir(self.folder.path());
        command
    }

    /// Runs a command for a stanza to its end and returns what it wrote to standard output.
    pub fn run(&self, stanza: &str, arguments: &[&str]) -> Result<String, LabError> {
        run(&mut self.command(stanza, arguments))
    }

    /// What `info` prints as JSON about all stanzas.
    pub fn info(&self, arguments: &[&str]) -> Result<String, LabError> {
        let mut command = self.account.command(&self.program, None);
        command
            .arg(format!("--config={}", self.config().display()))
            .args(["--log-level-stderr=error", "--output=json"]);
        run(command.args(["--log-level-console=error", "info"]).args(arguments).current_dir(self.folder.path()))
    }

    /// Adds a line to the configuration, at its end: an option of the stanza that was added last.
    pub fn configure(&self, line: &str) -> Result<(), LabError> {
        let config = self.config();
        let append = || fs::File::options().append(true).open(&config)?.write_all(format!("{line}\n").as_bytes());
        append().map_err(LabError::io(format!("appending to {}", config.display())))
    }

    /// Makes a stanza for a server that archives by [`Backrest::archive_command`].
    pub fn create_stanza(&self, stanza: &str, server: &Postgres) -> Result<(), LabError> {
        self.configure(&format!(
            "[{stanza}]\npg1-path={}\npg1-port={}\npg1-socket-path={}\npg1-user=postgres",
            server.data_dir().display(),
            server.port(),
            server.socket_dir().display()
        ))?;
        self.run(stanza, &["stanza-create"]).map(drop)
    }

    /// Makes a backup: `full`, `diff` or `incr`.
    pub fn backup(&self, stanza: &str, kind: &str, arguments: &[&str]) -> Result<(), LabError> {
        let kind = format!("--type={kind}");
        self.run(stanza, &[&[kind.as_str(), "backup"], arguments].concat()).map(drop)
    }
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).map_err(LabError::io(format!("writing {}", path.display())))
}
