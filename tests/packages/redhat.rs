//! The RPMs, in a root where only rpm knows them.

use std::fs;
use std::process::Command;

use super::built::{EXPORTERS, OLDER, built, contents, files, older, run, version};
use super::machine::Root;

/// Runs rpm on the packages of a root; what their scripts need is there, but no package has it.
fn rpm(root: &Root, args: &[&str]) -> String {
    run(Command::new("rpm").arg("--root").arg(root.path("")).args(["--dbpath", "/var/lib/rpm"]).args(args))
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn an_rpm_is_installed_upgraded_and_erased() {
    let old = older();
    let root = Root::new();
    let clean = root.state();
    let names =
        |files: Vec<std::path::PathBuf>| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    let install = |how: &str, files: Vec<String>| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        rpm(&root, &[&[how, "--nodeps"], &files[..]].concat())
    };
    install("--install", names(files(old.path(), &["x86_64.rpm"])));
    for (program, package) in EXPORTERS {
        let mut found: Vec<String> = rpm(&root, &["--query", "--list", package]).lines().map(str::to_owned).collect();
        found.retain(|file| root.path(file).is_file());
        found.sort();
        assert_eq!(found, contents(program, package, "rpm"));
        rpm(&root, &["--verify", "--nodeps", package]);
        assert_eq!(rpm(&root, &["--query", "--queryformat", "%{VERSION}", package]), OLDER);
        assert_eq!(rpm(&root, &["--query", "--configfiles", package]), format!("/etc/default/{program}\n"));
        let unit = root.run(&["sh", "-c", &format!("systemctl is-enabled {program} || :")]);
        assert_eq!(unit, "disabled\n");
    }
    root.run(&["getent", "passwd", "pg-exporter", "pgbouncer-exporter"]);

    // An upgrade keeps settings and what is enabled.
    let settings = root.path("/etc/default/pg-exporter");
    fs::write(&settings, "PG_EXPORTER_URL='postgres://monitor@db1.example/postgres'\n").unwrap();
    root.run(&["systemctl", "--quiet", "enable", "pg-exporter"]);
    install("--upgrade", names(files(&built(), &["x86_64.rpm"])));
    assert_eq!(rpm(&root, &["--query", "--queryformat", "%{VERSION}", EXPORTERS[0].1]), version());
    assert!(fs::read_to_string(&settings).unwrap().contains("db1.example"));
    assert_eq!(root.run(&["systemctl", "is-enabled", "pg-exporter"]), "enabled\n");

    // What is left are the users, as in every RPM, and the settings that were changed.
    rpm(&root, &[&["--erase"][..], &EXPORTERS.map(|(_, package)| package)].concat());
    let left = root.state();
    let is_file = |file: &&String| root.path(file).is_file();
    let more: Vec<&String> = left.keys().filter(|file| !clean.contains_key(*file)).filter(is_file).collect();
    assert!(!root.path("/usr/share/pg-exporter").exists());
    assert_eq!(more, ["etc/default/pg-exporter.rpmsave"]);
    assert!(clean.keys().all(|file| left.contains_key(file)));
}
