//! A restore drill on a file system that fills up while it runs.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lab::BackrestRelease;
use serde_json::Value;
use support::until;

use super::drill::{Rehearsal, told};

/// A file system of this size, in a mount namespace of its own. The script ends with what it contains then.
const SMALL_DISK: &str = r#"mkdir -p "$0" && mount -t tmpfs -o size=200m,mode=755 scratch "$0" && { "$@"; code=$?; ls -A "$0" >&2; exit $code; }"#;

#[test]
fn a_disk_that_fills_up_is_named() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let rights: &[&str] =
        if is_root { &["--mount"] } else { &["--mount", "--user", "--map-current-user", "--keep-caps"] };
    for (step, file, flags, message) in [
        ("the restore runs", "data/PG_VERSION", ["--drill.reserve=0", "--drill.query=select true"], "is full: "),
        (
            "a query was asked",
            "query.sql",
            ["--drill.reserve=64", "--drill.query=select pg_sleep(60) is null"],
            "left: ",
        ),
    ] {
        let drill = rehearsal.command(&[&["--json"][..], &flags[..]].concat());
        let mut command = Command::new("unshare");
        command.args(rights).args(["sh", "-c", SMALL_DISK]).arg(rehearsal.scratch());
        command.arg(drill.get_program()).args(drill.get_args());
        let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // As the programs in the namespace see it.
        let seen = PathBuf::from(format!("/proc/{}/root{}", running.id(), rehearsal.scratch().display()));
        until(step, || seen.join(file).exists());
        let file = fs::File::create(seen.join("of another"));
        let filled = file.and_then(|mut file| io::copy(&mut io::repeat(1).take(1 << 30), &mut file));
        assert_eq!(filled.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let output = running.wait_with_output().unwrap();
        let records: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(&output)));
        let record = &records[0];
        assert_eq!((output.status.code(), record["reason"].as_str()), (Some(1), Some("space")), "{step}: {record:#}");
        assert!(record["message"].as_str().unwrap().contains(message), "{step}: {record:#}");
        // Its own files are gone.
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(told.lines().last(), Some("of another"), "{step}: {told}");
    }
}
