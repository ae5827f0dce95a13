//! A program in the place of pgBackRest, for what the real one does only on a bad day.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::Exporter;
use support::{pgbackrest_exporter, until};
use tempfile::TempDir;

/// A document with one stanza and one backup.
pub const DOCUMENT: &str = r#"[{"archive":[{"database":{"id":1,"repo-key":1},"id":"15-1","max":"000000010000000000000005","min":"000000010000000000000001"}],"backup":[{"archive":{"start":"000000010000000000000005","stop":"000000010000000000000005"},"backrest":{"format":5,"version":"2.45"},"database":{"id":1,"repo-key":1},"error":false,"info":{"delta":30583612,"repository":{"delta":6078907,"size":6078907},"size":30583612},"label":"20261123-031023F","lsn":{"start":"0/5000028","stop":"0/5000100"},"prior":null,"reference":null,"timestamp":{"start":1795403423,"stop":1795403429},"type":"full"}],"cipher":"none","db":[{"id":1,"repo-key":1,"system-id":18446744073709551615,"version":"15"}],"name":"demo","repo":[{"cipher":"none","key":1,"status":{"code":0,"message":"ok"}}],"status":{"code":0,"lock":{"backup":{"held":false}},"message":"ok"}}]"#;

/// The program's folder; what it does may change while an exporter runs.
pub struct Script {
    folder: TempDir,
}

impl Script {
    /// A program that prints [`DOCUMENT`].
    pub fn new() -> Script {
        let script = Script { folder: tempfile::tempdir().unwrap() };
        fs::set_permissions(script.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        fs::write(script.folder.path().join("document"), format!("{DOCUMENT}\n")).unwrap();
        script.does("cat \"$folder/document\"");
        script
    }

    /// Lets `info` do something else from now on: lines of sh, with `$folder` for the program's folder.
    pub fn does(&self, info: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "#!/bin/sh\nfolder='{folder}'\nif [ \"$1\" = version ]; then echo 'pgBackRest 2.55.1'; exit; fi\n{info}\n"
        );
        // In one piece, since a run may begin at any time.
        let new = self.folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(new, self.program()).unwrap();
    }

    pub fn program(&self) -> PathBuf {
        self.folder.path().join("pgbackrest")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An exporter that runs it twice a second.
    pub fn exporter(&self, more: &[&str]) -> Exporter {
        self.exporter_with(more, &[])
    }

    pub fn exporter_with(&self, more: &[&str], environment: &[(&str, &str)]) -> Exporter {
        let program = format!("--backrest.binary={}", self.program().display());
        let args = [&[program.as_str(), "--collect.interval=0.5", "--disable-cache"], more].concat();
        Exporter::start(pgbackrest_exporter(), &args, environment).unwrap()
    }

    /// Waits until no process has this folder in its command line any more.
    pub fn assert_nothing_runs(&self) {
        until("no process of the program is left", || running(self.folder.path()).is_empty());
    }

    /// Processes that have this folder in their command line.
    pub fn running(&self) -> Vec<u32> {
        running(self.folder.path())
    }
}

/// Process ids, the exporters aside, which have the program's path among their flags.
fn running(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains(folder) && !line.contains("--web.listen-address")
    };
    pids.filter(is_ours).collect()
}

/// Child processes of an exporter, zombies among them.
pub fn children(exporter: &Exporter) -> Vec<u32> {
    let own = exporter.process().pid();
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    pids.filter(|pid| parent(pid) == Some(own)).collect()
}

/// A scrape has to be answered within this time, whatever pgBackRest does. It takes some milliseconds; two slow cores
/// with other work may need more.
pub const PROMPT: Duration = Duration::from_secs(5);
