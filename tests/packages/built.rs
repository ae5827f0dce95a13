//! The packages in `target/packages`, and older ones of the same programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{path, root};

/// The version number of the older packages.
pub const OLDER: &str = "0.0.1";

/// The programs and their packages.
pub const EXPORTERS: [(&str, &str); 3] = [
    ("pg-exporter", "prometheus-exporter-postgresql"),
    ("pgbouncer-exporter", "prometheus-exporter-pgbouncer"),
    ("pgbackrest-exporter", "prometheus-exporter-pgbackrest"),
];

/// Runs a command, which must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{command:?}: {status}\n{text}{}", String::from_utf8_lossy(&stderr));
    text
}

/// The folder with what `make packages` made.
pub fn built() -> PathBuf {
    let folder = path("target/packages");
    assert!(folder.join("SHA256SUMS").exists(), "{} has no packages: make packages", folder.display());
    folder
}

/// The files of a folder whose names have these parts, sorted.
pub fn files(folder: &Path, parts: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_wanted =
        |file: &PathBuf| parts.iter().all(|part| file.file_name().unwrap().to_str().unwrap().contains(part));
    let mut files: Vec<PathBuf> = entries.filter(is_wanted).collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no file with {parts:?}", folder.display());
    files
}

/// The version in the names of the packages.
pub fn version() -> String {
    let manifest = std::fs::read_to_string(path("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("\nversion = \"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Unpacks the archives of this machine's programs; each becomes a folder with bin, lib, share and etc.
pub fn unpack(into: &Path) {
    for archive in files(&built(), &["linux-amd64.tar.gz"]) {
        run(Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(into));
    }
}

/// The same programs in packages with a lower version number.
pub fn older() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(path("target")).unwrap();
    let (programs, out) = (folder.path().join("programs"), folder.path().join("packages"));
    std::fs::create_dir(&programs).unwrap();
    unpack(folder.path());
    for (program, _) in EXPORTERS {
        let from = folder.path().join(format!("{program}-{}.linux-amd64/bin/{program}", version()));
        std::fs::copy(from, programs.join(program)).unwrap();
    }
    std::fs::create_dir(&out).unwrap();
    run(Command::new("cp").arg("--recursive").arg(built().join("sbom")).arg(&out));
    let mut package = Command::new(root().join("packaging/package.sh"));
    run(package.env("LEVEL", "1").arg("x86_64").args([&programs, &programs, &out]).arg(OLDER));
    for file in files(&out, &["prometheus"]) {
        std::fs::rename(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    folder
}

/// Where packaging/contents puts the files of a program in a format, sorted.
pub fn contents(program: &str, package: &str, format: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path("packaging/contents")).unwrap();
    let target = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let holds = words.get(3).is_none_or(|kind| ["config", format, program].contains(kind));
        (words[0] != "#" && holds).then(|| words[2].replace("@PROGRAM@", program).replace("@PACKAGE@", package))
    };
    let mut targets: Vec<String> = text.lines().filter_map(target).collect();
    targets.sort();
    targets
}
