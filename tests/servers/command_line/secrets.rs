//! Passwords are shown to nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lab::{Exporter, MONITOR_PASSWORD, Major, Postgres};
use support::binary;
use support::outcome::collectors;

const PATHS: [&str; 7] = ["/", "/explain", "/stat", "/version", "/up", "/nothing", "/replica?max_lag=x"];

/// A way to give the password: its variables, and whether the server takes it.
struct Way {
    env: Vec<(&'static str, String)>,
    is_right: bool,
}

/// Every way that there is, with files in `folder`.
fn ways(server: &Postgres, folder: &Path) -> Vec<Way> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let (url, port) = (server.url("monitor", "postgres"), server.port().to_string());
    let bare = url.replace(&format!(":{MONITOR_PASSWORD}"), "");
    let encoded: String = MONITOR_PASSWORD.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let keys = format!("host=127.0.0.1 port={port} user=monitor dbname=postgres");
    let variables = |more: &[(&'static str, &str)]| {
        let target = [("PGHOST", "127.0.0.1"), ("PGPORT", &port), ("PGUSER", "monitor"), ("PGDATABASE", "postgres")];
        target.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>()
    };
    let passwords = write(".pgpass", format!("*:*:*:monitor:{MONITOR_PASSWORD}\n"));
    let wrong = write("wrong", "*:*:*:monitor:wrong-secret\n".to_owned());
    let services = write(
        "services",
        format!("[s]\nhost=127.0.0.1\nport={port}\nuser=monitor\ndbname=postgres\npassword={MONITOR_PASSWORD}\n"),
    );
    let in_file = write("url", url.clone());
    let home = folder.display().to_string();
    let one = |name, value: String| vec![(name, value)];
    let right = [
        one("PG_EXPORTER_URL", url.clone()),
        one("PG_EXPORTER_URL", url.replace(MONITOR_PASSWORD, &encoded)),
        one("PG_EXPORTER_URL", format!("{bare}&user=monitor&password={MONITOR_PASSWORD}")),
        one("PG_EXPORTER_URL", format!("{url}&sslpassword=ssl-secret")),
        one("PGURL", format!("{keys} password='{MONITOR_PASSWORD}' sslpassword=ssl-secret")),
        one("PG_EXPORTER_URL", format!("{keys} passfile={passwords}")),
        one("PG_EXPORTER_URL_FILE", in_file),
        variables(&[("PGPASSWORD", MONITOR_PASSWORD)]),
        variables(&[("PGPASSFILE", &passwords)]),
        variables(&[("HOME", &home)]),
        vec![("PGSERVICE", "s".to_owned()), ("PGSERVICEFILE", services.clone())],
        vec![("PG_EXPORTER_URL", format!("service=s servicefile={services}"))],
    ];
    let refused = [
        one("PG_EXPORTER_URL", url.replace(MONITOR_PASSWORD, "wrong-secret")),
        one("PG_EXPORTER_URL", url.replace(MONITOR_PASSWORD, "wrong%2dsecret")),
        variables(&[("PGPASSWORD", "wrong-secret")]),
        variables(&[("PGPASSFILE", &wrong)]),
    ];
    let right = right.into_iter().map(|env| Way { env, is_right: true });
    right.chain(refused.into_iter().map(|env| Way { env, is_right: false })).collect()
}

#[test]
fn passwords_are_never_shown() {
    let mut server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ways = ways(&server, folder.path());
    let levels = ["debug", "trace", "info", "warn", "error"];
    // One collector: what is embedded costs more to read than to look at.
    let config = collectors("a: { query: SELECT 1 AS n, metrics: [ n: { usage: GAUGE } ] }");
    let start = |(at, way): (usize, &Way)| {
        let (level, format) = (levels[at % 5], ["logfmt", "json"][at % 2]);
        let (level, format) = (format!("--log.level={level}"), format!("--log.format={format}"));
        let env: Vec<(&str, &str)> = way.env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let args = ["--config", config.path().to_str().unwrap(), &level, &format];
        // The first has all collectors.
        Exporter::start(binary(), if at == 0 { &args[2..] } else { &args }, &env).unwrap()
    };
    let exporters: Vec<Exporter> = ways.iter().enumerate().map(start).collect();
    let look = |is_running: bool| {
        for (exporter, way) in exporters.iter().zip(&ways) {
            let metrics = exporter.get("/metrics").unwrap().text();
            let is_up = metrics.contains("\npg_up 1\n");
            assert_eq!(is_up, is_running && way.is_right, "{:?}: {}", way.env, exporter.log());
            let pages = PATHS.map(|path| exporter.get(path).unwrap().text());
            let reloaded = exporter.request("POST", "/reload", &[]).unwrap().text();
            let process = fs::read(format!("/proc/{}/cmdline", exporter.process().pid())).unwrap();
            let process = String::from_utf8_lossy(&process).into_owned();
            for text in [&metrics, &exporter.log(), &reloaded, &process].into_iter().chain(&pages) {
                assert!(!text.contains("secret") && !text.contains("%73%65%63"), "{:?}: {text}", way.env);
            }
        }
    };
    look(true);
    server.stop().unwrap();
    look(false);
    for exporter in exporters.iter().step_by(5) {
        assert!(exporter.log().contains("server is down"), "{}", exporter.log());
    }
}
