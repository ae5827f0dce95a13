//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const OTHERS: [&str; 5] = ["target", "node_modules", ".git", "cache", "dist"];

/// The root of the repository: the folder above this package whose Cargo.toml is the workspace's.
pub fn root() -> PathBuf {
    let is_root =
        |folder: &&Path| fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"));
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(is_root).unwrap().to_owned()
}

/// The folders with the sources of crates, from the root.
pub fn crates() -> Vec<String> {
    let entries = fs::read_dir(root().join("exporters")).unwrap();
    let folder = |entry: fs::DirEntry| format!("exporters/{}/src", entry.file_name().display());
    let exporters = entries.map(|entry| folder(entry.unwrap())).filter(|folder| root().join(folder).is_dir());
    exporters.chain(["tests/lab/src".to_owned()]).collect()
}

/// Every file below `folder` whose name has one of these endings, sorted, with its path from the root and its text.
pub fn texts(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    let is_wanted =
        |path: &PathBuf| path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted));
    paths
        .into_iter()
        .filter(is_wanted)
        .map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let is_other = OTHERS.iter().any(|other| entry.file_name() == *other);
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && !is_other => collect(&entry.path(), paths),
            kind if kind.is_file() => paths.push(entry.path()),
            _ => {}
        }
    }
}
