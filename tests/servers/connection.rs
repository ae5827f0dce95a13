//! The ways to a server: conninfo in every form, files, TLS, the settings that connections carry, and what the log says.

mod bytes;
mod drivers;
mod keys;
mod refusals;
pub mod tls;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lab::{BouncerRelease, Exporter, MONITOR_PASSWORD, Major, PgBouncer, Postgres};
use support::certificates::written;
use support::{Page, binary, scrape, until};

/// An exporter with nothing but this environment, on one database.
fn start(env: &[(&str, &str)]) -> Exporter {
    Exporter::start(binary(), &["--no-auto-discovery"], env).unwrap()
}

fn by_url(url: &str) -> Exporter {
    start(&[("PG_EXPORTER_URL", url)])
}

fn is_up(exporter: &Exporter) -> bool {
    let page = scrape(exporter);
    let reasons = page.samples("pg_up_reason", &[]).len();
    let up = page.value("pg_up", &[]).unwrap();
    assert_eq!(up + reasons as f64, 1.0, "either up or one reason: {}", page.text);
    up == 1.0
}

/// Why the server is not up, as the metric and as the page says it.
fn failure(exporter: &Exporter) -> (String, String) {
    let page = scrape(exporter);
    assert_eq!(page.value("pg_up", &[]), Some(0.0), "{}", exporter.log());
    let reasons = page.label_values("pg_up_reason", "reason");
    let explain = exporter.get("/explain").unwrap().text();
    (reasons.into_iter().collect::<Vec<_>>().join(","), explain.lines().nth(1).unwrap_or_default().to_owned())
}

fn assert_fails(exporter: &Exporter, reason: &str, words: &str) {
    let (found, message) = failure(exporter);
    assert!(found == reason && message.contains(words), "expected {reason} and {words:?}: {found}, {message}");
}

/// A file that others may or may not read.
fn file(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = written(folder, name, text);
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path.display().to_string()
}

#[test]
fn parses_url_and_keyvalue_and_environment() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let (port, socket) = (server.port().to_string(), server.socket_dir().display().to_string());
    let folder = tempfile::tempdir().unwrap();
    let secret = MONITOR_PASSWORD;
    let keys = format!("host=127.0.0.1 port={port} user=monitor password='{secret}' dbname=postgres");
    let url_file = file(folder.path(), "url", &format!("  {}\n\n", server.url("monitor", "postgres")), 0o600);
    let services = format!("[prod]\nhost=127.0.0.1\nport={port}\nuser=monitor\npassword={secret}\ndbname=postgres\n");
    let services = file(folder.path(), "services", &services, 0o600);
    let variables = [("PGHOST", "127.0.0.1"), ("PGPORT", &port), ("PGUSER", "monitor"), ("PGDATABASE", "postgres")];
    let by_socket = format!("postgres:///postgres?host={socket}&port={port}&user=monitor");
    let encoded = format!("postgres://monitor@{}:{port}/postgres", socket.replace('/', "%2F"));
    let in_query = format!("postgresql://?host=127.0.0.1&port={port}&user=monitor&password={secret}&dbname=postgres");
    let second = format!("postgres://monitor:{secret}@127.0.0.1:1,127.0.0.1:{port}/postgres");
    let primary = format!("{second}?target_session_attrs=read-write");
    let address = format!("postgres://monitor:{secret}@db.invalid:{port}/postgres?hostaddr=127.0.0.1");
    let keyed_service = "service=prod dbname=postgres".to_owned();
    let ways: &[(&str, &[(&str, &str)])] = &[
        ("a URL", &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))]),
        ("a URL with everything in its query", &[("PGURL", &in_query)]),
        ("key=value", &[("PG_EXPORTER_URL", &keys)]),
        ("variables", &[&variables[..], &[("PGPASSWORD", secret)]].concat()),
        ("a URL in a file", &[("PG_EXPORTER_URL_FILE", &url_file)]),
        ("a service by variable", &[("PGSERVICE", "prod"), ("PGSERVICEFILE", &services)]),
        ("a service by conninfo", &[("PG_EXPORTER_URL", &keyed_service), ("PGSERVICEFILE", &services)]),
        ("a socket in the query", &[("PG_EXPORTER_URL", &by_socket)]),
        ("a socket as the host", &[("PG_EXPORTER_URL", &encoded)]),
        ("a socket by variable", &[&variables[1..], &[("PGHOST", &socket)]].concat()),
        ("the second of two", &[("PG_EXPORTER_URL", &second)]),
        ("the primary", &[("PG_EXPORTER_URL", &primary)]),
        ("an address beside the name", &[("PG_EXPORTER_URL", &address)]),
    ];
    for (way, env) in ways {
        let exporter = start(env);
        assert!(is_up(&exporter), "{way}: {}", exporter.log());
    }
    let no_standby = by_url(&primary.replace("read-write", "standby"));
    assert_fails(&no_standby, "other", "the server is a primary, which target_session_attrs excludes");
}

#[test]
fn reads_pgpass_unless_others_can_read_it() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let (port, folder) = (server.port(), tempfile::tempdir().unwrap());
    let url = format!("postgres://monitor@127.0.0.1:{port}/postgres");
    let line =
        format!("# ours\n127.0.0.1:{port}:other:monitor:wrong\n127.0.0.1:{port}:postgres:monitor:{MONITOR_PASSWORD}\n");
    let private = file(folder.path(), ".pgpass", &line, 0o600);
    let home = folder.path().display().to_string();
    for env in [
        &[("HOME", home.as_str())][..],
        &[("PGPASSFILE", &private)],
        // An own password goes before the file's.
        &[("PGPASSFILE", "/nonexistent"), ("PGPASSWORD", MONITOR_PASSWORD)],
    ] {
        let exporter = start(&[&[("PG_EXPORTER_URL", url.as_str())], env].concat());
        assert!(is_up(&exporter), "{env:?}: {}", exporter.log());
    }
    let query = format!("{url}?passfile={private}");
    assert!(is_up(&by_url(&query)));

    // Once the file is set right the next scrape uses it, without a restart.
    let open = file(folder.path(), "open", &line, 0o644);
    let exporter = start(&[("PG_EXPORTER_URL", &url), ("PGPASSFILE", &open)]);
    assert_fails(&exporter, "auth", "the server requires a password, and none is set");
    assert_fails(&exporter, "auth", "mode 0644, expected 0600 or less");
    // However often it is met, it is told once, with the server that is down for it.
    let log = exporter.log();
    assert_eq!(log.matches(&format!("password file {open} ignored")).count(), 1, "{log}");
    fs::set_permissions(&open, PermissionsExt::from_mode(0o600)).unwrap();
    until("the file is used", || is_up(&exporter));
}

#[test]
fn connection_failures_have_a_reason() {
    let server = Postgres::builder(Major::NEWEST)
        .setting("max_connections", "12")
        .setting("superuser_reserved_connections", "1")
        .setting("max_wal_senders", "2")
        .hba_line("host all rejected 127.0.0.1/32 reject")
        .start()
        .unwrap();
    server.psql("postgres", "create role rejected login; create role loginless").unwrap();
    let url = |user: &str, database: &str| server.url(user, database);
    assert_fails(
        &by_url(&url("monitor", "postgres").replace("secret", "other")),
        "auth",
        "password authentication failed",
    );
    assert_fails(&by_url(&url("rejected", "postgres")), "auth", "pg_hba.conf rejects connection");
    assert_fails(&by_url(&url("monitor", "nowhere")), "no_database", "database \"nowhere\" does not exist");
    let twisted = format!("{}&no_such.thing=1&nosuchsetting=2", url("monitor", "postgres"));
    assert_fails(&by_url(&twisted), "unknown_setting", "nosuchsetting");
    assert_fails(&by_url("postgres://u@127.0.0.1:1/d"), "refused", "connection refused");
    assert_fails(&by_url("host=/nonexistent user=u"), "refused", "no Unix socket in this folder");
    assert_fails(&by_url("postgres://u@no-such-host.invalid/d"), "dns", "cannot resolve the host name");
    let mut others = Vec::new();
    while let Ok(client) = postgres::Client::connect(&url("monitor", "postgres"), postgres::NoTls) {
        others.push(client);
    }
    let full = by_url(&url("monitor", "postgres"));
    let (reason, message) = failure(&full);
    assert_eq!(reason, "too_many_connections", "{message}");
    drop(others);
    until("there is room again", || is_up(&full));
}

/// Shows settings of its own session; the longest query may take 3 s.
const SETTINGS: &str = "\
seen:
  query: SELECT name, setting AS value, 1 AS here FROM pg_catalog.pg_settings
  timeout: 3
  metrics:
    - name: { usage: LABEL, description: Name }
    - value: { usage: LABEL, description: Value }
    - here: { usage: GAUGE, description: One }
sum:
  query: SELECT 1::int8 + 1::int8 AS value
  metrics: [ value: { usage: GAUGE, description: Two } ]
";

fn setting<'a>(page: &'a Page, name: &str) -> &'a str {
    match page.samples("seen_here", &[("name", name)])[..] {
        [sample] => &sample.labels["value"],
        ref other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn connections_carry_limits_that_the_user_can_change() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server
        .psql("postgres", "alter role monitor set search_path = own, public; alter role monitor set jit = on")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", SETTINGS);
    let page = |args: &[&str], url: &str, env: &[(&str, &str)]| {
        let args = [&["--config", config.to_str().unwrap()], args].concat();
        let page = scrape(&Exporter::start(binary(), &args, &[&[("PG_EXPORTER_URL", url)], env].concat()).unwrap());
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", page.text);
        page
    };
    let url = server.url("monitor", "postgres");
    let usual = page(&[], &url, &[]);
    for (name, value) in [
        ("application_name", "pg-exporter"),
        // A second more than the longest query, which the exporter itself ends.
        ("statement_timeout", "4000"),
        ("lock_timeout", "100"),
        ("default_transaction_read_only", "on"),
        ("jit", "off"),
        // Whatever the role or the server says: others may create in the schemas of a wider path.
        ("search_path", "pg_catalog, pg_temp"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_deferrable", "off"),
        ("client_encoding", "UTF8"),
    ] {
        assert_eq!(setting(&usual, name), value, "{name}");
    }
    for (args, env) in [
        (&["--lock-timeout", "77"][..], &[][..]),
        (&["--lock-timeout=77"], &[("PG_EXPORTER_LOCK_TIMEOUT", "5")]),
        (&[], &[("PG_EXPORTER_LOCK_TIMEOUT", "77")]),
    ] {
        assert_eq!(setting(&page(args, &url, env), "lock_timeout"), "77", "{args:?} {env:?}");
    }
    // What stands in the URL wins, whatever it is.
    let own = "&application_name=mine&statement_timeout=7s&lock_timeout=8s&default_transaction_read_only=off&jit=on\
               &search_path=a%2C%20%22b%20c%22&work_mem=1MB&app.tenant=x%20y";
    let own = page(&["--lock-timeout", "77"], &format!("{url}{own}"), &[]);
    for (name, value) in [
        ("application_name", "mine"),
        ("statement_timeout", "7000"),
        ("lock_timeout", "8000"),
        ("default_transaction_read_only", "off"),
        ("jit", "on"),
        ("search_path", "a, \"b c\""),
        ("work_mem", "1024"),
    ] {
        assert_eq!(setting(&own, name), value, "{name}");
    }
    let variables = [("PGOPTIONS", "-c lock_timeout=9s -c work_mem=2MB"), ("PGAPPNAME", "by variable")];
    let by_variable = page(&[], &url, &variables);
    for (name, value) in
        [("lock_timeout", "9000"), ("work_mem", "2048"), ("application_name", "by variable"), ("jit", "off")]
    {
        assert_eq!(setting(&by_variable, name), value, "{name}");
    }
}

#[test]
fn sessions_end_soon_when_their_client_is_gone() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", SETTINGS);
    let page = |url: &str| {
        let env = [("PG_EXPORTER_URL", url)];
        scrape(&Exporter::start(binary(), &["--config", config.to_str().unwrap()], &env).unwrap())
    };
    let url = server.url("monitor", "postgres");
    let ours = [
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "2"),
        ("tcp_user_timeout", "15000"),
        ("client_connection_check_interval", "5000"),
        ("idle_session_timeout", "900000"),
    ];
    let usual = page(&url);
    for (name, value) in ours {
        assert_eq!(setting(&usual, name), value, "{name}");
    }
    let wanted = "&options=-c%20tcp_user_timeout%3D7s&tcp_keepalives_idle=77&idle_session_timeout=0&client_connection_check_interval=0";
    let wanted = page(&format!("{url}{wanted}"));
    for (name, value) in [
        ("tcp_user_timeout", "7000"),
        ("tcp_keepalives_idle", "77"),
        ("tcp_keepalives_interval", "5"),
        ("idle_session_timeout", "0"),
        ("client_connection_check_interval", "0"),
    ] {
        assert_eq!(setting(&wanted, name), value, "{name}");
    }
    // Those of TCP mean nothing on a Unix socket, and do no harm there.
    let (socket, port) = (server.socket_dir().display(), server.port());
    let by_socket = page(&format!("host={socket} port={port} user=monitor dbname=postgres"));
    assert_eq!(by_socket.value("pg_up", &[]), Some(1.0), "{}", by_socket.text);
    assert_eq!(setting(&by_socket, "idle_session_timeout"), "900000");
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("tcp_") && !log.contains("setsockopt"), "{log}");
}

#[test]
fn works_through_a_pooler_that_ignores_the_limits() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    for (release, ignored) in [
        (BouncerRelease::V1_18, "options"),
        (BouncerRelease::NEWEST, "statement_timeout,lock_timeout,default_transaction_read_only,search_path"),
    ] {
        let pooler = PgBouncer::builder(release)
            .database("app", &server, "pool_mode=session")
            .setting("ignore_startup_parameters", &format!("extra_float_digits,{ignored}"))
            .start()
            .unwrap();
        let exporter = by_url(&pooler.url("monitor", "app"));
        assert!(is_up(&exporter), "{release}: {}\n{}", exporter.log(), pooler.log());
    }
}

/// The clients' ends of the connections to a port, with the timers of the system: a line each.
fn client_sockets(port: u16) -> Vec<String> {
    let mut ss = std::process::Command::new("ss");
    ss.args(["--no-header", "-tno", "state", "established", &format!("dport = :{port}")]);
    let output = ss.output().unwrap();
    assert!(output.status.success(), "ss of the package iproute2: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn keepalives_detect_a_lost_server() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let url = server.url("monitor", "postgres");
    // The first probe is sent in seconds, by the system's default in two hours, or never.
    for (more, in_minutes) in [("", Some(false)), ("&keepalives_idle=7200", Some(true)), ("&keepalives=0", None)] {
        let exporter = by_url(&format!("{url}{more}"));
        assert!(is_up(&exporter));
        until("the timer of an idle connection", || {
            let sockets = client_sockets(server.port());
            let is_so = |socket: &String| match in_minutes {
                Some(wanted) => socket.contains("timer:(keepalive,") && socket.contains("min,") == wanted,
                None => !socket.contains("timer:"),
            };
            !sockets.is_empty() && sockets.iter().all(is_so)
        });
        drop(exporter);
        until("its sockets are closed", || client_sockets(server.port()).is_empty());
    }
}

#[test]
fn shadowed_catalog_names_are_not_used() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let trap = "create schema trap; grant usage on schema trap to public;
        create function trap.plus(int8, int8) returns int8 language sql immutable as 'select 424242::int8';
        create operator trap.+ (leftarg = int8, rightarg = int8, function = trap.plus);
        alter role monitor set search_path = trap, pg_catalog";
    server.psql("postgres", trap).unwrap();
    let url = server.url("monitor", "postgres");
    let page = |args: &[&str]| scrape(&Exporter::start(binary(), args, &[("PG_EXPORTER_URL", &url)]).unwrap());
    let embedded = page(&[]);
    let total = embedded.value("pg_db_xact_total", &[("datname", "postgres")]).unwrap();
    assert!(total > 0.0 && total != 424_242.0, "{total}");
    // With files of one's own nothing else holds, unless the user asks for another path.
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", SETTINGS);
    let args = ["--config", config.to_str().unwrap()];
    assert_eq!(page(&args).value("sum_value", &[]), Some(2.0));
    let wide = format!("{url}&search_path=trap%2Cpg_catalog");
    let wide = scrape(&Exporter::start(binary(), &args, &[("PG_EXPORTER_URL", &wide)]).unwrap());
    assert_eq!(wide.value("sum_value", &[]), Some(424_242.0));
}

#[test]
fn state_changes_are_logged_once() {
    let mut server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", SETTINGS);
    let args = ["--config", config.to_str().unwrap(), "--disable-cache"];
    let env = [("PG_EXPORTER_URL", &*server.url("monitor", "postgres"))];
    let exporter = Exporter::start(binary(), &args, &env).unwrap();
    let scrapes = |up: bool| (0..3).for_each(|_| assert_eq!(is_up(&exporter), up, "{}", exporter.log()));
    scrapes(true);
    server.stop().unwrap();
    scrapes(false);
    server.start_again().unwrap();
    until("the server is read again", || is_up(&exporter));
    scrapes(true);
    exporter.signal("TERM").unwrap();
    exporter.process().wait(support::LIMIT).unwrap();
    let log = exporter.log();
    let count = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    for (words, times) in [("message=started", 1), ("server is down", 1), ("server is up", 2), ("message=stopped", 1)] {
        assert_eq!(count(words), times, "{words}\n{log}");
    }
    assert!(log.lines().any(|line| line.contains("server is down") && line.contains("reason=")), "{log}");
    // As short as the story is.
    assert!(log.lines().count() <= 8, "{log}");
}

#[test]
fn variables_of_postgres_exporter_name_the_server() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let address = format!("127.0.0.1:{}/postgres?sslmode=disable", server.port());
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "password", MONITOR_PASSWORD);
    let parts = [("DATA_SOURCE_URI", address.as_str()), ("DATA_SOURCE_USER", "monitor")];
    assert!(is_up(&start(&[("DATA_SOURCE_NAME", &server.url("monitor", "postgres"))])));
    assert!(is_up(&start(&[parts[0], parts[1], ("DATA_SOURCE_PASS", MONITOR_PASSWORD)])));
    assert!(is_up(&start(&[parts[0], parts[1], ("DATA_SOURCE_PASS_FILE", file.to_str().unwrap())])));
}
