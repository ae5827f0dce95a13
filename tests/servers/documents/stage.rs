//! Where a page runs: a folder like the repository, programs by their names, and a server.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab::{BouncerRelease, Cache, MONITOR_PASSWORD, Major, PgBouncer, Postgres};
use support::certificates::Authority;
use support::{path, programs};
use tempfile::TempDir;

use super::page::Page;
use crate::connection::tls::switch_tls_on;

/// What commands need of the repository.
const COPIED: [&str; 13] = [
    ".ci",
    "Makefile",
    "alerts",
    "collectors",
    "dashboards/preview/bundle.js",
    "dashboards/preview/index.html",
    "dashboards/preview/package-lock.json",
    "dashboards/preview/src",
    "dashboards/source",
    "docs/reference",
    "docs/tools.txt",
    "packaging",
    "tests/lint",
];

const EXPORTERS: [&str; 3] = ["pg-exporter", "pgbouncer-exporter", "pgbackrest-exporter"];

/// The programs are built already. What make does takes too long, or is a test; only that the goal exists is checked. Two
/// pages may differ: the exporter finds the log while it serves.
const SHIMS: [(&str, &str); 3] = [
    ("cargo", "#!/bin/sh\ntest \"$*\" = 'build --release'\n"),
    ("make", "#!/bin/sh\nPATH=${PATH#*:} exec make --dry-run \"$@\" >/dev/null\n"),
    ("diff", "#!/bin/sh\nPATH=${PATH#*:} diff \"$@\" >/dev/null\ntest $? -le 1\n"),
];

/// Runs a program of PostgreSQL's. Where psql asks for a new password it reads it from standard input, as it has no terminal:
/// twice what the reader types.
const PSQL: &str = r#"#!/bin/sh
export LD_LIBRARY_PATH=@LIBRARIES@
case $* in
*password*) printf 'secret\nsecret\n' | exec setsid --wait @PSQL@ "$@" ;;
*) exec @PSQL@ "$@" ;;
esac
"#;

/// How long a page may take, in seconds.
const LIMIT: &str = "120";

pub struct Stage {
    folder: TempDir,
    addresses: Addresses,
    server: Postgres,
    pooler: Option<PgBouncer>,
}

/// Free ones, in place of the default ports.
struct Addresses {
    postgres_exporter: String,
    pgbouncer_exporter: String,
    prometheus: String,
}

impl Stage {
    pub fn new(page: &Page) -> Stage {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        // Held together, so that all are different.
        let listeners = [free(), free(), free()];
        let [postgres_exporter, pgbouncer_exporter, prometheus] =
            listeners.map(|listener| listener.local_addr().unwrap().to_string());
        let server = Postgres::builder(Major::NEWEST).setting("fsync", "on").start().unwrap();
        let pooler = page.runs(":6432").then(|| PgBouncer::builder(BouncerRelease::NEWEST).start().unwrap());
        let addresses = Addresses { postgres_exporter, pgbouncer_exporter, prometheus };
        let stage = Stage { folder: TempDir::new().unwrap(), addresses, server, pooler };
        stage.copy_repository();
        stage.install_programs();
        stage.prepare_server(page);
        stage
    }

    /// The script on this stage: its output, or that with the reason why it failed.
    pub fn run(&self, script: &str) -> Result<String, String> {
        let folder = self.folder.path();
        let mut bash = Command::new("timeout");
        bash.args([LIMIT, "bash", "-c", &self.here(script)]).current_dir(folder);
        bash.env_clear().envs(self.environment()).stdin(Stdio::null());
        let output = bash.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(said) } else { Err(format!("{}\n{said}", output.status)) }
    }

    /// A text of a page with this stage's addresses and folders in place of those that pages name.
    pub fn here(&self, text: &str) -> String {
        let (folder, port) = (self.folder.path().display(), self.server.port());
        let mut names = vec![
            ("db1.example:5432", format!("localhost:{port}")),
            ("db1.example/", format!("localhost:{port}/")),
            ("localhost:5432", format!("localhost:{port}")),
            ("localhost:9630", self.addresses.postgres_exporter.clone()),
            ("127.0.0.1:9630", self.addresses.postgres_exporter.clone()),
            ("127.0.0.1:19630", self.addresses.postgres_exporter.clone()),
            ("localhost:9631", self.addresses.pgbouncer_exporter.clone()),
            ("localhost:9090", self.addresses.prometheus.clone()),
            ("/etc/", format!("{folder}/etc/")),
            ("/usr/local/bin/", format!("{folder}/usr/local/bin/")),
            ("/usr/share/pg-exporter/", "collectors/pg/".to_owned()),
        ];
        if let Some(pooler) = &self.pooler {
            let (socket, port) = (pooler.socket_dir().display(), pooler.port());
            names.push(("monitor:secret@127.0.0.1:6432", format!("monitor:{MONITOR_PASSWORD}@127.0.0.1:{port}")));
            names.push(("host=/var/run/postgresql", format!("host={socket} port={port} password={MONITOR_PASSWORD}")));
        }
        names.iter().fold(text.to_owned(), |text, (name, here)| text.replace(name, here))
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let shown = |path: &Path| path.display().to_string();
        let folder = self.folder.path();
        let system = std::env::var("PATH").unwrap();
        vec![
            ("PATH", format!("{}:{system}", shown(&folder.join("bin")))),
            ("HOME", shown(&folder.join("home"))),
            ("FOLDER", shown(folder)),
            ("PROGRAMS", shown(programs())),
            ("PG_ADDRESS", self.addresses.postgres_exporter.clone()),
            ("PGBOUNCER_ADDRESS", self.addresses.pgbouncer_exporter.clone()),
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", self.server.port().to_string()),
            ("PGUSER", "postgres".to_owned()),
        ]
    }

    fn copy_repository(&self) {
        let folder = self.folder.path();
        for name in COPIED {
            let to = folder.join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            assert!(Command::new("cp").arg("-a").arg(path(name)).arg(&to).status().unwrap().success(), "{name}");
        }
        for name in ["bin", "etc/default", "home/.postgresql", "running", "target/release", "usr/local/bin"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
    }

    fn install_programs(&self) {
        let (bin, release) = (self.folder.path().join("bin"), self.folder.path().join("target/release"));
        for name in EXPORTERS {
            write_program(&bin.join(name), include_str!("serve.sh"));
            symlink(bin.join(name), release.join(name)).unwrap();
        }
        for (name, text) in SHIMS {
            write_program(&bin.join(name), text);
        }
        let postgres = self.programs_of_postgres();
        let libraries = postgres.with_file_name("lib");
        let psql = postgres.join("psql");
        let text = PSQL.replace("@LIBRARIES@", &libraries.display().to_string());
        write_program(&bin.join("psql"), &text.replace("@PSQL@", &psql.display().to_string()));
        let cache = Cache::open().unwrap();
        let [own, newest] = cache.promtools().unwrap();
        symlink(newest, bin.join("promtool")).unwrap();
        symlink(own.with_file_name("prometheus"), bin.join("prometheus")).unwrap();
    }

    /// The folder with psql: the first where its server looks for programs.
    fn programs_of_postgres(&self) -> PathBuf {
        let psql = self.server.bin("psql");
        let (_, path) = psql.get_envs().find(|(name, _)| *name == "PATH").unwrap();
        std::env::split_paths(path.unwrap()).next().unwrap()
    }

    /// Lets it have TLS and, unless the page creates it, the role `monitor` with the password of the pages.
    fn prepare_server(&self, page: &Page) {
        let authority = Authority::new("documents");
        switch_tls_on(&self.server, &authority.issue("localhost"), &authority);
        fs::write(self.folder.path().join("home/.postgresql/root.crt"), authority.pem).unwrap();
        self.server.psql("postgres", "DROP OWNED BY monitor; DROP ROLE monitor").unwrap();
        if !page.runs("grants") {
            let grants = fs::read_to_string(path("collectors/pg/grants.sql")).unwrap();
            self.server.psql("postgres", &format!("{grants}; ALTER ROLE monitor PASSWORD 'secret'")).unwrap();
        }
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}
