//! A Debian in a folder, and a systemd that runs in it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::notify::NotifySocket;
use support::{path, until};

use super::built::run;

/// Beside what every Debian has.
const INSTALLED: &str = "passwd,systemd,systemd-sysv,dbus,pgbackrest";

/// The root of a Debian that nothing else uses.
pub struct Root(tempfile::TempDir);

impl Root {
    /// A copy of one that is made once: that takes some minutes.
    pub fn new() -> Self {
        let base = path("target/debian-12");
        if !base.exists() {
            let new = base.with_extension("new");
            let mut make = Command::new("mmdebstrap");
            run(make.args(["--quiet", "--variant=essential", &format!("--include={INSTALLED}"), "bookworm"]).arg(&new));
            std::fs::rename(new, &base).unwrap();
        }
        let folder = tempfile::tempdir_in(path("target")).unwrap();
        run(Command::new("cp").arg("--archive").arg(base.join(".")).arg(folder.path()));
        Self(folder)
    }

    /// A path in it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside.trim_start_matches('/'))
    }

    /// Runs a program in it, without its systemd.
    pub fn run(&self, command: &[&str]) -> String {
        run(Command::new("chroot").arg(self.0.path()).args(command).env_clear().env("PATH", "/usr/sbin:/usr/bin"))
    }

    /// Copies files into its folder /var/tmp, and returns where they are there.
    pub fn bring(&self, files: &[PathBuf]) -> Vec<String> {
        let copy = |file: &PathBuf| {
            let inside = format!("/var/tmp/{}", file.file_name().unwrap().to_str().unwrap());
            std::fs::copy(file, self.path(&inside)).unwrap();
            inside
        };
        files.iter().map(copy).collect()
    }

    /// Every file of /etc and /usr with its mode, size and owner, and every user.
    pub fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        for folder in ["etc", "usr"] {
            note(&self.path(folder), self.0.path(), &mut state);
        }
        // Programs that add and remove users keep a copy of what was before.
        state.retain(|file, _| !file.ends_with('-') && !file.starts_with("etc/.pwd") && !file.contains("ld.so.cache"));
        for file in ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"] {
            state.insert(file.to_owned(), std::fs::read_to_string(self.path(file)).unwrap());
        }
        state
    }
}

fn note(folder: &Path, root: &Path, state: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let size = if about.is_dir() { 0 } else { about.len() };
        state.insert(name, format!("{:o} {size} {}:{}", about.mode(), about.uid(), about.gid()));
        if about.is_dir() {
            note(&path, root, state);
        }
    }
}

/// A systemd that runs in a root, with this machine's network. Dropping it ends everything in it.
pub struct Machine {
    nspawn: Child,
    leader: String,
}

impl Machine {
    /// Boots it, and waits until it has started everything.
    pub fn boot(root: &Root) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = NotifySocket::bind(folder.path());
        let mut command = lab::Process::command("systemd-nspawn");
        command.args(["--register=no", "--keep-unit", "--quiet", "--boot", "--notify-ready=yes", "--console=pipe"]);
        command.arg("--machine=packages").arg("--directory").arg(root.path(""));
        let nspawn = command.env("NOTIFY_SOCKET", socket.path()).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let nspawn = nspawn.unwrap();
        let mut leader = None;
        loop {
            let message = socket.next();
            let found = message.lines().find_map(|line| line.strip_prefix("X_NSPAWN_LEADER_PID="));
            leader = found.map(str::to_owned).or(leader);
            if message.lines().any(|line| line == "READY=1") && leader.is_some() {
                break;
            }
        }
        Self { nspawn, leader: leader.unwrap() }
    }

    /// A command to run in it.
    pub fn command(&self, command: &[&str]) -> Command {
        let mut enter = lab::Process::command("nsenter");
        enter.args(["--target", &self.leader, "--all", "--", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin"]);
        enter.args(command);
        enter
    }

    /// Runs a command in it, which must succeed.
    pub fn run(&self, command: &[&str]) -> String {
        run(&mut self.command(command))
    }

    /// What systemd knows about a unit: `ActiveState`, `UnitFileState`, `MainPID`, …
    pub fn shows(&self, unit: &str, property: &str) -> String {
        self.run(&["systemctl", "show", "--value", "--property", property, unit]).trim().to_owned()
    }

    /// Waits until a property of a unit has this value.
    pub fn wait_until(&self, unit: &str, property: &str, value: &str) {
        until(&format!("{property}={value} of {unit}"), || {
            std::thread::sleep(Duration::from_millis(100));
            self.shows(unit, property) == value
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends all that runs below the first process of its namespace.
        self.nspawn.kill().ok();
        self.nspawn.wait().ok();
    }
}
