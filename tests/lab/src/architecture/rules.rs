//! Rule files for Prometheus.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::LabError;
use crate::folder::Folder;

/// The rule files of a folder: those that have groups of rules, not Alertmanager's own configuration. None where the
/// folder is missing.
pub fn rule_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.filter_map(|entry| entry.path().canonicalize().ok());
    let has_groups = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        path.extension().is_some_and(|extension| extension == "yml") && text.lines().any(|line| line == "groups:")
    };
    let mut files: Vec<PathBuf> = paths.filter(has_groups).collect();
    files.sort();
    files
}

/// Copies of rule files in which every condition has to hold for that long.
pub(crate) fn held(files: &[PathBuf], hold: Duration) -> Result<(Folder, Vec<PathBuf>), LabError> {
    let folder = Folder::new()?;
    let mut copies = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).map_err(LabError::io(format!("reading {}", file.display())))?;
        let copy = folder.path().join(file.file_name().unwrap_or_default());
        fs::write(&copy, with_hold(&text, hold)).map_err(LabError::io(format!("writing {}", copy.display())))?;
        copies.push(copy);
    }
    Ok((folder, copies))
}

/// The text with another value on every line that has only a `for`.
fn with_hold(text: &str, hold: Duration) -> String {
    let line = |line: &str| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: {}ms\n", hold.as_millis()),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rules_own_waiting_time_changes() {
        let text = "  - alert: A\n    expr: up == 0 # wait for: it\n    for: 15m\n";
        let expected = "  - alert: A\n    expr: up == 0 # wait for: it\n    for: 2000ms\n";
        assert_eq!(with_hold(text, Duration::from_secs(2)), expected);
    }
}
