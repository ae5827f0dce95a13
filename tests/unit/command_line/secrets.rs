//! Passwords are shown to nobody.

use support::command_line::refusal;

#[test]
fn errors_about_a_target_omit_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    for conninfo in [
        "postgres://mon:s3cr/et@127.0.0.1/db",
        "postgres://mon:s3cret%zz@127.0.0.1/db",
        "postgres://mon:s3cret@127.0.0.1:port/db",
        "postgres://mon:s3cret@127.0.0.1/db?sslmode",
        "postgres://mon:s3cret@127.0.0.1/db?sslmode=always",
        "mysql://mon:s3cret@127.0.0.1/db",
        "host=127.0.0.1 password=s3cret port=x",
        "host=127.0.0.1 password='s3cret",
        "host=127.0.0.1 passwd=s3cret",
        "host=127.0.0.1 password=a s3cret",
        "s3cret",
    ] {
        let file = write("url", conninfo);
        for (args, env) in [
            (&["--url", conninfo][..], &[][..]),
            (&["explain", "--log.level=debug"], &[("PG_EXPORTER_URL", conninfo)]),
            (&[], &[("PGURL", conninfo)]),
            (&["--log.format=json"], &[("PG_EXPORTER_URL_FILE", file.as_str())]),
        ] {
            let error = refusal(args, env);
            assert!(!error.contains("s3cr") && error.starts_with("pg-exporter: "), "{conninfo}: {error}");
        }
    }
    let error = refusal(&[], &[("PGURL", "postgres://mon:s3cr/et@127.0.0.1/db")]);
    assert!(error.starts_with("pg-exporter: PGURL: conninfo, character 21: "), "{error}");
    let services = write("services", "[prod]\nhost=127.0.0.1\ns3cret\n");
    let error = refusal(&[], &[("PGSERVICE", "prod"), ("PGSERVICEFILE", &services)]);
    assert!(error.contains("line 3: expected name=value") && !error.contains("s3cret"), "{error}");
    let error = refusal(&["explain"], &[("PGSSLMODE", "s3cret"), ("PGPASSWORD", "s3cret"), ("PGUSER", "u")]);
    assert!(error.contains("sslmode: expected one of disable") && !error.contains("s3cret"), "{error}");
}
