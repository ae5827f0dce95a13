//! Runs the newest promtool on files of rule tests, as many at once as there are cores.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::{fs, thread};

use lab::Cache;

/// Panics with what promtool says about the cases that fail.
pub fn assert_cases_pass(mut files: Vec<PathBuf>) {
    let [_, newest] = Cache::open().unwrap().promtools().unwrap();
    // The longest last, as they are taken from the end.
    files.sort_by_key(|file| fs::metadata(file).unwrap().len());
    let (left, failed) = (Mutex::new(files), Mutex::new(String::new()));
    let next = || left.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(file) = next() {
                    let said = failures(&newest, &file);
                    failed.lock().unwrap().push_str(&said);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed}");
}

fn failures(promtool: &Path, file: &Path) -> String {
    let output = Command::new(promtool).args(["test", "rules"]).arg(file).output().unwrap();
    if output.status.success() {
        return String::new();
    }
    format!("{}:\n{}", file.display(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()))
}
