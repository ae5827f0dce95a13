//! "Add a collector in ten minutes" of CONTRIBUTING.md, followed literally in a copy of the repository.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use support::fenced::{self, Block};
use support::{path, programs, root};
use tempfile::TempDir;

const CHAPTER: &str = "## Add a collector in ten minutes";

/// What the chapter needs of the repository.
const COPIED: [&str; 8] = [
    ".ci",
    "Makefile",
    "alerts",
    "collectors",
    "dashboards/preview/src",
    "dashboards/source",
    "docs/reference",
    "tests/lint",
];

/// The programs are built already, and the tests run already: of both only the command line is checked.
const CARGO: &str = "#!/bin/sh\ntest \"$*\" = 'build --package lab --package pg-exporter'\n";
const MAKE: &str = "#!/bin/sh\nPATH=${PATH#*:}\ncase $1 in\ndashboards) exec make dashboards ;;\n*) make --dry-run \"$1\" >/dev/null ;;\nesac\n";

fn chapter(document: &str) -> Vec<Block> {
    let (_, chapter) = document.split_once(CHAPTER).unwrap();
    fenced::parse(CHAPTER, chapter.split("\n## ").next().unwrap()).blocks
}

/// The blocks as one script: commands as they are, files written or, where the file is there, continued.
fn script(blocks: &[Block]) -> String {
    let mut script = "set -eu\n".to_owned();
    for block in blocks {
        match (block.words[0].as_str(), &block.path) {
            ("sh", _) => script.push_str(&block.text),
            ("yaml" | "python", Some(path)) => write!(script, "cat >>{path} <<'END'\n{}END\n", block.text).unwrap(),
            // Output, or commands that need what a test does not have.
            _ => {}
        }
    }
    script
}

fn copy_of_the_repository() -> TempDir {
    let copy = TempDir::new().unwrap();
    for name in COPIED {
        let to = copy.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        assert!(Command::new("cp").arg("-a").arg(path(name)).arg(&to).status().unwrap().success(), "{name}");
    }
    std::fs::create_dir_all(copy.path().join("target/debug")).unwrap();
    for program in ["pg-exporter", "lab"] {
        symlink(programs().join(program), copy.path().join("target/debug").join(program)).unwrap();
    }
    for (name, text) in [("cargo", CARGO), ("make", MAKE)] {
        let shim = copy.path().join("bin").join(name);
        std::fs::create_dir_all(shim.parent().unwrap()).unwrap();
        std::fs::write(&shim, text).unwrap();
        std::fs::set_permissions(&shim, PermissionsExt::from_mode(0o755)).unwrap();
    }
    copy
}

fn run(script: &str, folder: &Path) -> String {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let cache = std::env::var_os("LAB_CACHE").map_or_else(|| root().join("tests/lab/cache"), Into::into);
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(folder).env("PATH", path).env("LAB_CACHE", cache).stdin(Stdio::null());
    let output = bash.output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{said}\n{errors}");
    said.into_owned()
}

#[test]
fn a_collector_is_added_by_the_steps_of_contributing() {
    let document = std::fs::read_to_string(path("CONTRIBUTING.md")).unwrap();
    let blocks = chapter(&document);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let copy = copy_of_the_repository();
    let said = run(&script(&blocks).replace("9639", &free), copy.path());
    // The output on the page is the real one, numbers aside: more collectors come, and times differ.
    for shown in blocks.iter().filter(|block| block.is("text")).flat_map(|block| block.text.lines()) {
        let words = |line: &str| {
            line.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit())).collect::<String>()
        };
        assert!(said.lines().any(|line| words(line) == words(shown)), "{shown} is not in\n{said}");
    }
    let dashboard = std::fs::read_to_string(copy.path().join("dashboards/pg-suite-database.json")).unwrap();
    assert!(dashboard.contains("pg_extension_outdated"), "the panel is not on the dashboard");
}
