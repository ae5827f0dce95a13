//! Passwords are shown to nobody.

use lab::{Exporter, MONITOR_PASSWORD, Major, Postgres};
use support::binary;

#[test]
fn passwords_are_never_shown() {
    let mut server = Postgres::start(Major::NEWEST).unwrap();
    let (url, port) = (server.url("monitor", "postgres"), server.port().to_string());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, &url).unwrap();
    let wrong = url.replace(MONITOR_PASSWORD, "wrong-secret");
    let keys = format!("host=127.0.0.1 port={port} user=monitor dbname=postgres password={MONITOR_PASSWORD}");
    let starts: [&[(&str, &str)]; 5] = [
        &[("PG_EXPORTER_URL", &url)],
        &[("PGURL", &keys)],
        &[("PG_EXPORTER_URL_FILE", file.to_str().unwrap())],
        &[
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", &port),
            ("PGUSER", "monitor"),
            ("PGDATABASE", "postgres"),
            ("PGPASSWORD", MONITOR_PASSWORD),
        ],
        &[("PG_EXPORTER_URL", &wrong)],
    ];
    let formats = ["logfmt", "json", "logfmt", "json", "logfmt"].map(|format| format!("--log.format={format}"));
    let exporters: Vec<Exporter> = starts
        .iter()
        .zip(&formats)
        .map(|(env, format)| Exporter::start(binary(), &["--log.level=debug", format], env).unwrap())
        .collect();
    let look = |expect_up: [bool; 5]| {
        for (exporter, up) in exporters.iter().zip(expect_up) {
            let metrics = exporter.get("/metrics").unwrap().text();
            assert_eq!(metrics.contains("\npg_up 1\n"), up, "{}", exporter.log());
            let pages = ["/", "/explain", "/stat", "/version", "/up", "/nothing"]
                .map(|path| exporter.get(path).unwrap().text());
            let reloaded = exporter.request("POST", "/reload", &[]).unwrap().text();
            let process = std::fs::read(format!("/proc/{}/cmdline", exporter.process().pid())).unwrap();
            let process = String::from_utf8_lossy(&process).into_owned();
            for text in [&metrics, &exporter.log(), &reloaded, &process].into_iter().chain(&pages) {
                assert!(!text.contains("secret"), "{text}");
            }
        }
    };
    look([true, true, true, true, false]);
    server.stop().unwrap();
    look([false; 5]);
    for exporter in &exporters {
        assert!(exporter.log().contains("server is down"), "{}", exporter.log());
    }
}
