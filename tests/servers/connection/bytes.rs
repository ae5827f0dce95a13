//! Variables and files that are not UTF-8.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lab::{Major, Postgres};
use support::binary;

/// Variables and their values.
type Variables<'a> = &'a [(&'a str, &'a [u8])];

/// Connects once with nothing but these variables.
fn explain(variables: Variables<'_>) -> Output {
    let mut command = Command::new(binary());
    command.args(["explain", "--no-auto-discovery"]).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command.envs(variables.iter().map(|(name, value)| (name, OsStr::from_bytes(value)))).output().unwrap()
}

fn private(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn bytes_that_are_not_utf8_are_used_or_refused_by_name() {
    let server = Postgres::builder(Major::NEWEST).hba_line("host all odd 127.0.0.1/32 scram-sha-256").start().unwrap();
    server.psql("postgres", "create database bytes encoding 'SQL_ASCII' locale 'C' template template0").unwrap();
    server.psql("bytes", r"create role odd login password E'p\xffw'").unwrap();
    let port = server.port().to_string();
    let home = tempfile::tempdir().unwrap();
    let home = home.path().join(OsString::from_vec(b"h\xe9".to_vec()));
    fs::create_dir(&home).unwrap();
    let pgpass = b"# \xe9\n127.0.0.1:*:*:\xe9:wrong\n127.0.0.1:*:*:odd:p\xffw\r\n*:*:*:*:wrong\n";
    private(&home.join(".pgpass"), pgpass);
    let service = [
        b"# caf\xe9\n[other]\npassword=\xe9\n[odd]\nhost=127.0.0.1\nuser=odd\ndbname=postgres\npassword=p\xffw\nport=",
        port.as_bytes(),
        b"\n[twisted]\nhost=127.0.0.1\nuser=\xe9\n",
    ]
    .concat();
    private(&home.join("services"), &service);
    let services = home.join("services");
    let services = services.as_os_str().as_bytes();
    let url = format!("postgres://odd:p%FFw@127.0.0.1:{port}/postgres");
    let without = format!("postgres://odd@127.0.0.1:{port}/postgres");

    let works: &[Variables<'_>] = &[
        &[("PG_EXPORTER_URL", url.as_bytes())],
        &[("PG_EXPORTER_URL", without.as_bytes()), ("PGPASSWORD", b"p\xffw")],
        &[("PG_EXPORTER_URL", without.as_bytes()), ("HOME", home.as_os_str().as_bytes())],
        &[("PGSERVICE", b"odd"), ("PGSERVICEFILE", services)],
        // What is not used cannot mislead.
        &[("PG_EXPORTER_URL", url.as_bytes()), ("PGHOST", b"\xe9"), ("PGUSER", b"\xe9"), ("OTHER", b"\xe9")],
    ];
    for variables in works {
        let output = explain(variables);
        assert!(String::from_utf8_lossy(&output.stdout).contains("# primary, version 1"), "{variables:?}: {output:?}");
    }
    let refused: &[(Variables<'_>, &str)] = &[
        (
            &[("PG_EXPORTER_URL", b"postgres://o\xff@h"), ("PGURL", url.as_bytes())],
            "PG_EXPORTER_URL: the value is not UTF-8",
        ),
        (&[("PGURL", b"\xff"), ("PG_EXPORTER_URL_FILE", services)], "PGURL: the value is not UTF-8"),
        (&[("PGHOST", b"\xff")], "PGHOST: the value is not UTF-8"),
        (&[("PGPORT", b"54\xff")], "PGPORT: the value is not UTF-8"),
        (&[("PGUSER", b"\xff")], "PGUSER: the value is not UTF-8"),
        (&[("PGDATABASE", b"\xff")], "PGDATABASE: the value is not UTF-8"),
        (&[("PGSERVICE", b"\xff")], "PGSERVICE: the value is not UTF-8"),
        (
            &[("PGSERVICE", b"twisted"), ("PGSERVICEFILE", services)],
            "line 12: it is not UTF-8: save it in that encoding",
        ),
        (&[("PG_EXPORTER_INCLUDE_DATABASE", b"\xff")], "PG_EXPORTER_INCLUDE_DATABASE"),
    ];
    for (variables, words) in refused {
        let output = explain(variables);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(words), "{variables:?}: {output:?}");
    }
}
