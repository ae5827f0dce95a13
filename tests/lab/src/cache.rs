//! What the lab downloads and prepares once, kept in a folder between runs.
//!
//! Everything in it appears whole, by a rename, under the lock of its own name, so that many test
//! processes may want the same thing at once.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::account::{self, Account};
use crate::architecture::Component;
use crate::error::{LabError, run};
use crate::folder::Folder;
use crate::installation::{Installation, init_sql};
use crate::releases::{BackrestRelease, BouncerRelease};
use crate::{Major, candidate, fetch};

/// A script that runs the package's program with the package's own libraries and loader, and lets it find itself again
/// when it starts workers. It stands beside the package's files.
const WRAPPER: &str = include_str!("pgbackrest-wrapper.sh");

/// The cache folder, and what can be had from it.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    account: Account,
    /// Why it is not where it was wanted, until that has been said.
    moved: Mutex<Option<String>>,
    /// Bytes downloaded.
    fetched: AtomicU64,
}

impl Cache {
    /// The folder `LAB_CACHE`, by default `cache` beside this crate's manifest. If it cannot be
    /// written, or the user who runs the servers cannot enter it (as below `/root`), a folder in
    /// `/var/tmp` takes its place.
    pub fn open() -> Result<Cache, LabError> {
        let account = Account::get()?;
        let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("cache");
        let wanted = std::env::var_os("LAB_CACHE").map_or_else(default, PathBuf::from);
        let unfit = match writable(&wanted) {
            Ok(root) if account.can_enter(&root) => return Ok(Cache::at(root, account, None)),
            Ok(_) => "the user who runs the servers cannot enter it".to_owned(),
            Err(error) => error.to_string(),
        };
        let user = account::user_id()?;
        let root = writable(Path::new(&format!("/var/tmp/lab-cache-{user}")))?;
        let owner = fs::metadata(&root).map_err(LabError::io(format!("looking at {}", root.display())))?.uid();
        if owner != user {
            return Err(LabError::Unexpected(format!("{} belongs to user id {owner}, not {user}", root.display())));
        }
        let moved = format!("the cache is {}, not {}: {unfit}", root.display(), wanted.display());
        Ok(Cache::at(root, account, Some(moved)))
    }

    fn at(root: PathBuf, account: Account, moved: Option<String>) -> Cache {
        Cache { root, account, moved: Mutex::new(moved), fetched: AtomicU64::default() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How many bytes this value has downloaded so far.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// The programs of a PostgreSQL version, downloaded if need be.
    pub(crate) fn installation(&self, major: Major) -> Result<Installation, LabError> {
        let root = self.item(&format!("pg-{major}"), |place| match major {
            Major::V19 => candidate::postgres(major, place),
            _ => fetch::postgres(major, place),
        })?;
        Ok(Installation { root, account: self.account })
    }

    /// PostgreSQL 15 with Debian's `pg_wait_sampling` and `pg_stat_kcache` beside its own extensions.
    pub(crate) fn installation_with_extensions(&self) -> Result<Installation, LabError> {
        let plain = self.installation(Major::V15)?;
        let root = self.item("pg-15-extensions", |place| {
            run(Command::new("cp").arg("-a").arg(&plain.root).arg(place))?;
            let unpacked = place.join("debian");
            let mut bytes = 0;
            for package in ["postgresql-15-pg-wait-sampling", "postgresql-15-pg-stat-kcache"] {
                bytes += fetch::debian(package, &unpacked)?;
            }
            for (from, to) in [("lib/postgresql/15/lib", "lib"), ("share/postgresql/15/extension", "share/extension")] {
                let from = unpacked.join("usr").join(from).join(".");
                run(Command::new("cp").arg("-a").arg(from).arg(place.join(to)))?;
            }
            Ok(bytes)
        })?;
        Ok(Installation { root, account: self.account })
    }

    /// A data directory to start servers from copies of, with the role `monitor` and the extension `pg_stat_statements`.
    /// All copies have the same system identifier.
    pub(crate) fn template(&self, major: Major) -> Result<PathBuf, LabError> {
        let installation = self.installation(major)?;
        // Named by what is in it, so that a change of the SQL makes a new one.
        let mut content = DefaultHasher::new();
        init_sql().hash(&mut content);
        self.item(&format!("template-{major}-{:08x}", content.finish() as u32), |place| {
            let folder = Folder::new()?;
            installation.account.own(folder.path())?;
            let data = folder.path().join("data");
            installation.init(&data)?;
            run(Command::new("cp").arg("-a").arg(&data).arg(place)).map(|_| 0)
        })
    }

    /// The folder with a PgBouncer and its libraries, downloaded if need be.
    pub(crate) fn pgbouncer(&self, release: BouncerRelease) -> Result<PathBuf, LabError> {
        let make = |place: &Path| fetch::debian_of(release.suite(), "pgbouncer", place);
        self.item(&format!("pgbouncer-{release}"), make)
    }

    /// The folder with Debian's `prometheus` package, downloaded if need be.
    pub(crate) fn prometheus(&self) -> Result<PathBuf, LabError> {
        self.item("prometheus", |place| fetch::debian("prometheus", place))
    }

    /// promtool of this machine's Debian and of the newest one (3.x); downloaded if need be.
    pub fn promtools(&self) -> Result<[PathBuf; 2], LabError> {
        let newest = self.item("promtool-sid", |place| fetch::debian_of("sid", "promtool", place))?;
        Ok([self.prometheus()?, newest].map(|root| root.join("usr/bin/promtool")))
    }

    /// A program of VictoriaMetrics' package, as vmalert and vmagent; downloaded if need be.
    pub fn victoria(&self, program: &str) -> Result<PathBuf, LabError> {
        Ok(self.component(Component::Victoria)?.join("usr/bin").join(program))
    }

    /// What checks and asks an Alertmanager; downloaded if need be.
    pub fn amtool(&self) -> Result<PathBuf, LabError> {
        Ok(self.component(Component::Alertmanager)?.join("usr/bin/amtool"))
    }

    /// The program of a release of pgBackRest, with libraries of its own suite; downloaded if need be.
    pub(crate) fn pgbackrest(&self, release: BackrestRelease) -> Result<PathBuf, LabError> {
        let suite = release.suite();
        let root = self.item(&format!("pgbackrest-{suite}"), |place| {
            let bytes = fetch::debian_of(suite, "pgbackrest", place)?;
            let script = place.join("pgbackrest");
            let write = || {
                fs::write(&script, WRAPPER)?;
                fs::set_permissions(&script, PermissionsExt::from_mode(0o755))
            };
            write().map_err(LabError::io(format!("writing {}", script.display())))?;
            Ok(bytes)
        })?;
        Ok(root.join("pgbackrest"))
    }

    /// The folder with a component of the architecture and its libraries, downloaded if need be.
    pub(crate) fn component(&self, component: Component) -> Result<PathBuf, LabError> {
        let make = |place: &Path| fetch::debian_of(component.suite(), component.package(), place);
        self.item(component.package(), make)
    }

    /// The program VictoriaLogs, built if need be.
    pub(crate) fn victorialogs(&self) -> Result<PathBuf, LabError> {
        Ok(self.item("victoria-logs", fetch::victorialogs)?.join("victoria-logs"))
    }

    /// The folder with Patroni's Python packages, downloaded if need be.
    pub(crate) fn patroni(&self) -> Result<PathBuf, LabError> {
        self.item("patroni", fetch::patroni)
    }

    /// The folder with the Python packages of a server that speaks S3, downloaded if need be.
    pub(crate) fn s3(&self) -> Result<PathBuf, LabError> {
        self.item("s3", fetch::s3)
    }

    /// The folder with Python packages that render and check a Helm chart, downloaded if need be.
    pub fn helm(&self) -> Result<PathBuf, LabError> {
        self.item("helm", fetch::helm)
    }

    /// Debian's postgres_exporter, to measure beside ours; downloaded if need be.
    pub fn postgres_exporter(&self) -> Result<PathBuf, LabError> {
        let root = self.item("postgres-exporter", |place| fetch::debian("prometheus-postgres-exporter", place))?;
        Ok(root.join("usr/bin/prometheus-postgres-exporter"))
    }

    /// A newer postgres_exporter than this machine's Debian has, to compare names with; downloaded if need be.
    pub fn newer_postgres_exporter(&self) -> Result<PathBuf, LabError> {
        let request = ["download", "prometheus-postgres-exporter"];
        let root = self.item("postgres-exporter-trixie", |place| fetch::unpack(&["trixie"], "", &request, place))?;
        Ok(root.join("usr/bin/prometheus-postgres-exporter"))
    }

    /// The thing of that name; `make` puts it at the path it is given if it is not there yet, and says how many bytes it
    /// has downloaded for that.
    fn item(&self, name: &str, make: impl FnOnce(&Path) -> Result<u64, LabError>) -> Result<PathBuf, LabError> {
        let path = self.root.join(name);
        if path.exists() {
            return Ok(path);
        }
        let locking = self.root.join(format!("{name}.lock"));
        let lock = File::create(&locking).map_err(LabError::io(format!("creating {}", locking.display())))?;
        lock.lock().map_err(LabError::io(format!("locking {}", locking.display())))?;
        if path.exists() {
            return Ok(path);
        }
        if let Some(moved) = self.moved.lock().unwrap_or_else(PoisonError::into_inner).take() {
            eprintln!("lab: {moved}");
        }
        let begin = Instant::now();
        let part = self.root.join(format!("{name}.part"));
        if part.exists() {
            fs::remove_dir_all(&part).map_err(LabError::io(format!("removing {}", part.display())))?;
        }
        let bytes = make(&part)?;
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
        fs::rename(&part, &path).map_err(LabError::io(format!("renaming {} to {name}", part.display())))?;
        let size = run(Command::new("du").arg("-sm").arg(&path))?;
        let mib = size.split_whitespace().next().unwrap_or("?");
        let seconds = begin.elapsed().as_secs_f64();
        eprintln!("lab: {name:<24} fetched {:>4} MB, kept {mib:>4} MB, {seconds:>5.1} s", bytes / 1_000_000);
        Ok(path)
    }
}

/// The folder, absolute, created if need be and found to be writable.
fn writable(folder: &Path) -> Result<PathBuf, LabError> {
    let write = || {
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            fs::set_permissions(folder, PermissionsExt::from_mode(0o755))?;
        }
        let folder = folder.canonicalize()?;
        File::create(folder.join("write.lock"))?;
        Ok(folder)
    };
    write().map_err(LabError::io(format!("writing to {}", folder.display())))
}
