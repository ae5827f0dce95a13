//! The Debian packages, with a systemd that starts what they install.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use lab::{Backrest, BackrestRelease, Major, Postgres};
use support::{Page, one_at_a_time, until};

use super::built::{EXPORTERS, OLDER, built, contents, files, older, run, version};
use super::machine::{Machine, Root};

/// Installed packages, and the systemd that they run in.
struct Installed {
    machine: Machine,
    root: Root,
}

impl Installed {
    fn none(root: Root) -> Self {
        Self { machine: Machine::boot(&root), root }
    }

    fn install(root: Root, packages: &[PathBuf]) -> Self {
        let installed = Self::none(root);
        installed.add(packages);
        installed
    }

    /// Installs packages, as an upgrade if they are installed already.
    fn add(&self, packages: &[PathBuf]) -> String {
        let packages = self.root.bring(packages);
        self.dpkg(&[&["--install"], &packages.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat())
    }

    fn dpkg(&self, args: &[&str]) -> String {
        self.machine.run(&[&["dpkg"], args].concat())
    }

    /// Adds lines to the settings of a program, with an address to listen on, which is returned.
    fn set(&self, program: &str, prefix: &str, lines: &str) -> SocketAddr {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = self.root.path(&format!("/etc/default/{program}"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{text}{lines}\n{prefix}_OPTS='--web.listen-address={address}'\n")).unwrap();
        address
    }
}

fn page(address: SocketAddr) -> Page {
    let response = lab::request(address, "GET", "/metrics", &[]).unwrap();
    Page::parse(response.text())
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn a_package_is_installed_upgraded_and_purged() {
    let _turn = one_at_a_time();
    let server = Postgres::start(Major::NEWEST).unwrap();
    let old = older();
    let installed = Installed::none(Root::new());
    let Installed { machine, root } = &installed;
    let clean = root.state();
    installed.add(&files(old.path(), &["amd64.deb"]));

    // The files are where the list says, as they were packed; nothing is enabled and nothing runs.
    for (program, package) in EXPORTERS {
        let files = installed.dpkg(&["--listfiles", package]);
        let mut files: Vec<&str> = files.lines().filter(|file| root.path(file).is_file()).collect();
        files.sort_unstable();
        assert_eq!(files, contents(program, package, "deb"));
        assert_eq!(installed.dpkg(&["--verify", package]), "");
        assert_eq!(machine.shows(program, "UnitFileState"), "disabled");
        assert_eq!(machine.shows(program, "ActiveState"), "inactive");
        assert_eq!(machine.shows(program, "LoadError"), "");
    }

    // Without any setting it starts, and says that there is no server.
    let bare = installed.set("pg-exporter", "PG_EXPORTER", "");
    machine.run(&["systemctl", "start", "pg-exporter"]);
    assert_eq!(page(bare).value("pg_up", &[]), Some(0.0));

    let url = format!("PG_EXPORTER_URL='{}'", server.url("monitor", "postgres"));
    let address = installed.set("pg-exporter", "PG_EXPORTER", &url);
    machine.run(&["systemctl", "enable", "--quiet", "pg-exporter"]);
    machine.run(&["systemctl", "restart", "pg-exporter"]);
    // It listens as soon as systemd says that it is started.
    assert_eq!(page(address).value("pg_up", &[]), Some(1.0));
    assert_eq!(machine.shows("pg-exporter", "StatusText"), format!("http://{address}"));
    let pid = machine.shows("pg-exporter", "MainPID");
    assert_eq!(machine.run(&["stat", "--format=%U", &format!("/proc/{pid}")]), "pg-exporter\n");

    machine.run(&["systemctl", "reload", "pg-exporter"]);
    until("the reload", || machine.shows("pg-exporter", "StatusText").ends_with(" collectors loaded"));
    assert_eq!(machine.shows("pg-exporter", "MainPID"), pid);
    assert_eq!(machine.shows("pg-exporter", "ActiveState"), "active");

    // An upgrade keeps the settings and what is enabled, and restarts what runs.
    let said = installed.add(&files(&built(), &["amd64.deb"]));
    assert!(said.contains(&format!("({}) over ({OLDER})", version())), "{said}");
    let new = machine.shows("pg-exporter", "MainPID");
    assert!(new != pid && new != "0", "{pid} {new}");
    assert_eq!(page(address).value("pg_up", &[]), Some(1.0));
    assert_eq!(machine.shows("pg-exporter", "UnitFileState"), "enabled");
    assert_eq!(machine.shows("pgbouncer-exporter", "ActiveState"), "inactive");

    let packages = EXPORTERS.map(|(_, package)| package);
    installed.dpkg(&[&["--remove"][..], &packages].concat());
    assert!(lab::request(address, "GET", "/", &[]).is_err());
    assert!(root.path("/etc/default/pg-exporter").exists());
    installed.dpkg(&[&["--purge"][..], &packages].concat());
    let left = root.state();
    let changed: Vec<_> = left.iter().filter(|(file, about)| clean.get(*file) != Some(about)).collect();
    assert!(changed.is_empty() && left.len() == clean.len(), "{changed:?}");
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn systemd_restarts_an_exporter_that_hangs() {
    let _turn = one_at_a_time();
    let installed = Installed::install(Root::new(), &files(&built(), &["postgresql", "amd64.deb"]));
    let Installed { machine, root } = &installed;
    let address = installed.set("pg-exporter", "PG_EXPORTER", "");
    let drop_in = root.path("/etc/systemd/system/pg-exporter.service.d");
    fs::create_dir(&drop_in).unwrap();
    fs::write(drop_in.join("quick.conf"), "[Service]\nWatchdogSec=1\nRestartSec=0\n").unwrap();
    machine.run(&["systemctl", "daemon-reload"]);
    machine.run(&["systemctl", "start", "pg-exporter"]);
    let pid = machine.shows("pg-exporter", "MainPID");
    // It lives for more than two of these intervals.
    let begin = std::time::Instant::now();
    until("three seconds of life", || page(address).value("pg_up", &[]) == Some(0.0) && begin.elapsed().as_secs() > 2);
    assert_eq!(machine.shows("pg-exporter", "MainPID"), pid);

    machine.run(&["systemctl", "kill", "--signal=STOP", "pg-exporter"]);
    machine.wait_until("pg-exporter", "NRestarts", "1");
    machine.wait_until("pg-exporter", "ActiveState", "active");
    assert_eq!(page(address).value("pg_up", &[]), Some(0.0));
}

/// The unit's limits must not hide repositories and locks from pgBackRest.
#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn pgbackrest_sees_repositories_and_locks_from_its_unit() {
    let _turn = one_at_a_time();
    let backrest = Backrest::new(BackrestRelease::V2_45, &[]).unwrap();
    let archive = backrest.archive_command("demo");
    let server = Postgres::builder(Major::V15).setting("archive_mode", "on").setting("archive_command", &archive);
    let server = server.start().unwrap();
    backrest.create_stanza("demo", &server).unwrap();
    backrest.run("demo", &["--type=full", "backup"]).unwrap();

    let root = Root::new();
    let repository = root.path("/var/lib/pgbackrest");
    run(Command::new("cp")
        .args(["--recursive", "--no-target-directory"])
        .args([&backrest.folder().join("repo1"), &repository]));
    root.run(&["chown", "--recursive", "postgres:", "/var/lib/pgbackrest"]);
    fs::write(root.path("/etc/pgbackrest.conf"), "[demo]\npg1-path=/var/lib/postgresql/15/main\n").unwrap();
    let installed = Installed::install(root, &files(&built(), &["pgbackrest", "amd64.deb"]));
    let machine = &installed.machine;
    let address = installed.set("pgbackrest-exporter", "BACKREST_EXPORTER", "BACKREST_EXPORTER_COLLECT_INTERVAL=1");
    machine.run(&["systemctl", "start", "pgbackrest-exporter"]);
    let value = |metric: &str| page(address).value(metric, &[("stanza", "demo")]);
    until("a backup", || !page(address).samples("pgbackrest_backup_info", &[]).is_empty());
    assert_eq!(page(address).value("pgbackrest_up", &[]), Some(1.0));
    assert_eq!(value("pgbackrest_stanza_backup_lock_status"), Some(0.0));

    // The unit sees the lock files that others make.
    machine.run(&["install", "--owner=postgres", "--group=postgres", "--mode=770", "--directory", "/tmp/pgbackrest"]);
    machine.run(&["touch", "/tmp/pgbackrest/demo-backup.lock"]);
    let pid = machine.shows("pgbackrest-exporter", "MainPID");
    machine.run(&["nsenter", "--target", &pid, "--mount", "--", "test", "-e", "/tmp/pgbackrest/demo-backup.lock"]);

    // The end of the unit leaves the shared memory of the user alone.
    let make = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "ipcmk", "--shmem", "1024"];
    machine.run(&make);
    machine.run(&["systemctl", "stop", "pgbackrest-exporter"]);
    assert!(machine.run(&["ipcs", "--shmems"]).contains("postgres"));
}
