//! Gives the crate its revision and date, out of the environment or the git checkout.

#[path = "src/date.rs"]
mod date;

use std::path::Path;
use std::process::Command;

/// Where the checkout's `.git` is: a folder, or a file in a linked worktree.
const GIT: &str = "../../.git";

fn main() {
    let checkout = Path::new(GIT).exists();
    let of_git = |arguments: &[&str]| if checkout { git(arguments) } else { None };
    let revision = variable("EXPORTER_REVISION").or_else(|| of_git(&["rev-parse", "--short=12", "HEAD"]));
    let seconds = variable("SOURCE_DATE_EPOCH").or_else(|| of_git(&["log", "-1", "--format=%ct"]));
    let date = seconds.and_then(|seconds| seconds.parse().ok()).map(date::day);
    for (name, value) in [("BUILD_REVISION", revision), ("BUILD_DATE", date)] {
        println!("cargo::rustc-env={name}={}", value.as_deref().unwrap_or("unknown"));
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/date.rs");
    if checkout {
        watch_head(&of_git);
    }
}

/// Has cargo run this again when HEAD moves: by a checkout, a commit, or the packing of its branch.
fn watch_head(of_git: &impl Fn(&[&str]) -> Option<String>) {
    let branch = of_git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = of_git(&["rev-parse", "--git-path", name]);
        // Cargo takes a missing file as one that has changed.
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    println!("cargo::rerun-if-env-changed={name}");
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What git prints; `None` where it fails, or is not installed.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
