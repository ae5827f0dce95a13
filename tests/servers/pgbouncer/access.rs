//! Who may read the console, and by which way.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use lab::{BouncerRelease, Exporter, Major, PgBouncer, Postgres, Process};
use support::certificates::Authority;
use support::{binary, pgbouncer_exporter, scrape, until};

use super::{exporter, exporter_of, on_every_release};
use crate::connection::tls::switch_tls_on;

/// The reason on the page, and the line of the log that tells of it.
fn told(url: &str) -> (String, String) {
    let exporter = exporter_of(url, &[]);
    let page = scrape(&exporter);
    assert_eq!(page.value("pgbouncer_up", &[]), Some(0.0), "{}", page.text);
    let reasons = page.label_values("pgbouncer_up_reason", "reason");
    let log = exporter.log();
    let line = log.lines().find(|line| line.contains("server is down")).unwrap_or_else(|| panic!("{log}"));
    (reasons.into_iter().collect(), line.to_owned())
}

#[test]
fn missing_console_permission_is_reported_with_the_fix() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let (reason, line) = told(&pooler.url("stranger", "pgbouncer"));
        assert_eq!(reason, "auth", "{release}: {line}");
        assert!(line.contains("not allowed"), "{release}: {line}");
        assert!(line.contains("set stats_users = stranger in pgbouncer.ini and RELOAD"), "{release}: {line}");

        let url = pooler.url("monitor", "pgbouncer");
        let (reason, line) = told(&url.replace("monitor-secret", "wrong-secret"));
        assert!(reason == "auth" && !line.contains("wrong-secret"), "{release}: {line}");
        let (reason, line) = told(&url.replace(&format!(":{}/", pooler.port()), ":1/"));
        assert_eq!(reason, "refused", "{release}: {line}");
    });
}

#[test]
fn refuses_a_database_or_server_that_is_no_console() {
    on_every_release(|release, server| {
        if release != BouncerRelease::NEWEST {
            return;
        }
        server.psql("postgres", "create database pgbouncer").unwrap();
        let (reason, line) = told(&server.url("monitor", "pgbouncer"));
        assert!(reason == "no_console" && line.contains("the server reports version"), "{line}");
        assert!(line.contains("read it with pg-exporter, --url and port 9630"), "{line}");
        server.psql("postgres", "drop database pgbouncer").unwrap();
        let (reason, line) = told(&server.url("monitor", "pgbouncer"));
        assert!(reason == "no_console" && line.contains("read it with pg-exporter"), "{line}");
        let (reason, line) = told(&server.url("monitor", "pgbouncer").replace("monitor-secret", "wrong"));
        assert!(reason == "no_console" && line.contains("read it with pg-exporter"), "{line}");

        let mut command = Process::command(pgbouncer_exporter());
        let output = command.env("PG_EXPORTER_URL", server.url("monitor", "postgres")).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{error}");
        assert!(
            error.contains("dbname (or PGDATABASE): expected pgbouncer, the database name of the admin console"),
            "{error}"
        );
        assert!(error.contains("with pg-exporter, --url and port 9630"), "{error}");
    });
}

#[test]
fn pg_exporter_at_a_console_names_the_program_to_use() {
    on_every_release(|release, server| {
        let plain = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        // One that ignores settings lets the exporter in.
        let ignored =
            "extra_float_digits,options,statement_timeout,lock_timeout,default_transaction_read_only,search_path";
        let lenient =
            PgBouncer::builder(release).database("app", server, "").setting("ignore_startup_parameters", ignored);
        let lenient = lenient.start().unwrap();
        let url = plain.url("monitor", "pgbouncer");
        let separator = if url.contains('?') { '&' } else { '?' };
        for (url, expected) in [
            (url.clone(), "console"),
            (lenient.url("monitor", "pgbouncer"), "console"),
            (format!("{url}{separator}target_session_attrs=primary"), "console"),
            (lenient.url("stranger", "pgbouncer"), "auth"),
            (lenient.url("monitor", "pgbouncer").replace("monitor-secret", "wrong"), "auth"),
        ] {
            let exporter = Exporter::start(binary(), &[], &[("PG_EXPORTER_URL", &url)]).unwrap();
            let page = scrape(&exporter);
            let (log, explain) = (exporter.log(), exporter.get("/explain").unwrap().text());
            assert_eq!(page.reason(), Some(expected), "{release}: {log}");
            for text in [&log, &explain] {
                assert!(text.contains("read it with pgbouncer-exporter, --url and port 9631"), "{release}: {text}");
            }
            assert!(!log.contains("refused a session setting"), "{release}: {log}");
        }
    });
}

#[test]
fn reads_over_unix_socket_and_as_administrator() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let folder = pooler.socket_dir().display();
        let port = pooler.port();
        for conninfo in [
            format!("host={folder} port={port} user=monitor password=monitor-secret"),
            format!("postgresql://admin:admin@/pgbouncer?host={folder}&port={port}&sslmode=require"),
            format!("postgres://monitor:monitor-secret@127.0.0.1:{port}/?sslmode=prefer&extra_float_digits=2"),
        ] {
            let exporter = exporter_of(&conninfo, &["--log.level=debug"]);
            let page = scrape(&exporter);
            let pages = ["/metrics", "/", "/explain", "/stat"].map(|path| exporter.get(path).unwrap().text());
            for text in pages.iter().chain([&exporter.log()]) {
                assert!(!text.contains("monitor-secret") && !text.contains("admin:admin"), "{release}: {text}");
            }
            page.assert_clean_in("pgbouncer", &format!("{release}: {conninfo}"));
        }
    });
}

#[test]
fn a_name_that_is_not_utf8_costs_its_own_samples_only() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("*", server, "").start().unwrap();
        // While somebody uses them: SHOW DATABASES may leave out one that no entry names even so.
        let names = [&b"app"[..], b"caf\xe9", b"a \"b\" \\c", "gr\u{fc}n".as_bytes()];
        let mut clients = names.map(|name| {
            let mut psql = pooler.bin("psql", "app", "app");
            psql.env("PGDATABASE", OsStr::from_bytes(name)).args(["-X", "-c", "select pg_sleep(60)"]);
            psql.stderr(Stdio::null()).spawn().unwrap()
        });
        let pools = || pooler.console("SHOW SERVERS").unwrap();
        until("all clients have a server", || pools().matches("|active|").count() == names.len());
        let exporter = exporter(&pooler, &[]);
        let page = scrape(&exporter);
        assert_eq!(page.value("pgbouncer_up", &[]), Some(1.0), "{release}");
        for name in ["pgbouncer_pool_active_clients", "pgbouncer_stat_total_xact_count"] {
            let names: Vec<&str> = page.label_values(name, "datname").into_iter().collect();
            assert_eq!(names, ["a \"b\" \\c", "app", "gr\u{fc}n", "pgbouncer"], "{release}: {name}");
            assert_eq!(page.samples(name, &[]).len(), 4, "{release}: {name}");
        }
        let dropped = page.samples("pgbouncer_exporter_dropped_samples_total", &[("reason", "utf8")]);
        let collectors: Vec<&str> = dropped.iter().map(|sample| &*sample.labels["collector"]).collect();
        for collector in ["pgbouncer_pool", "pgbouncer_stat", "pgbouncer_client", "pgbouncer_server"] {
            assert!(collectors.contains(&collector), "{release}: {collectors:?}");
        }
        for sample in page.samples("pgbouncer_exporter_collector_success", &[]) {
            assert_eq!(sample.value, 1.0, "{release}: {:?}", sample.labels);
        }
        for client in &mut clients {
            client.kill().unwrap();
            client.wait().unwrap();
        }
    });
}

#[test]
fn expiry_of_the_poolers_certificate_is_exported() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let authority = Authority::new("ours");
    // PgBouncer takes the files of the server.
    switch_tls_on(&server, &authority.issue_until("localhost", 2040), &authority);
    let file = |name: &str| server.data_dir().join(name).display().to_string();
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST)
        .database("app", &server, "")
        .setting("client_tls_sslmode", "allow")
        .setting("client_tls_cert_file", &file("server.crt"))
        .setting("client_tls_key_file", &file("server.key"))
        .start()
        .unwrap();
    let url = pooler.url("monitor", "pgbouncer");
    // 2040-01-01.
    for (mode, expected) in [("disable", None), ("require", Some(2_208_988_800.0))] {
        let page = scrape(&exporter_of(&url.replace("sslmode=disable", &format!("sslmode={mode}")), &[]));
        assert_eq!(page.value("pgbouncer_up", &[]), Some(1.0), "{mode}: {}", page.text);
        let name = "pgbouncer_exporter_certificate_expiry_timestamp_seconds";
        assert_eq!(page.value(name, &[("certificate", "server")]), expected, "{mode}");
    }
}
