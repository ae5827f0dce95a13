//! The web configuration while somebody writes it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab::Exporter;
use support::DOWN;
use support::{Page, binary, until};

// scraper:open sesame
const LOGIN: [(&str, &str); 1] = [("Authorization", "Basic c2NyYXBlcjpvcGVuIHNlc2FtZQ==")];

fn start(folder: &Path, web_config: &str) -> (Exporter, PathBuf) {
    let file = folder.join("web.yml");
    std::fs::write(&file, web_config).unwrap();
    (Exporter::start(binary(), &["--web.config.file", file.to_str().unwrap()], &[DOWN]).unwrap(), file)
}

fn users(cost: u32) -> String {
    format!("basic_auth_users: {{ scraper: '{}' }}\n", bcrypt::hash("open sesame", cost).unwrap())
}

#[test]
fn empty_web_config_denies_all_requests_and_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (exporter, file) = start(folder.path(), &users(4));
    let page = || Page::parse(exporter.get_with("/metrics", &LOGIN).unwrap().text());
    let in_force = |page: &Page| page.value("pg_exporter_web_config_last_reload_successful", &[]);
    let before = page();
    std::fs::write(&file, "").unwrap();
    for path in ["/metrics", "/explain", "/", "/liveness"] {
        assert_eq!(exporter.get(path).unwrap().status, 401, "{path}");
        assert_eq!(exporter.get_with(path, &LOGIN).unwrap().status, 200, "{path}");
    }
    assert_eq!((in_force(&before), in_force(&page())), (Some(1.0), Some(0.0)));
    let told = "it would disable basic authentication";
    assert!(exporter.get_with("/", &LOGIN).unwrap().text().contains(told));
    let is_told = |line: &str| line.contains("level=error") && line.contains(told);
    until("it is logged", || exporter.log().lines().any(is_told));
    assert_eq!(exporter.log().lines().filter(|line| is_told(line)).count(), 1, "{}", exporter.log());

    std::fs::write(&file, users(4)).unwrap();
    assert_eq!(in_force(&page()), Some(1.0));
    assert!(!exporter.get_with("/", &LOGIN).unwrap().text().contains(told));
}

#[test]
fn passwords_hashes_and_keys_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (exporter, file) = start(folder.path(), &users(4));
    let hash = users(4);
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGsecret\n-----END PRIVATE KEY-----\n";
    let tls = format!("tls_server_config: {{ cert: x, key: {key:?} }}\n");
    // As it is, with each kind of error, and as somebody writes a password in place of its hash.
    let written = [
        hash.clone(),
        hash.replace("scraper", "scraper: open sesame, x"),
        "basic_auth_users: { scraper: open sesame }\n".to_owned(),
        "basic_auth_users: open sesame\n".to_owned(),
        format!("{hash}{hash}"),
        format!("{hash}rate_limit: [\n"),
        format!("{hash}{tls}"),
        format!("{hash}tls_server_config: {{ key: {key:?}, min_version: x }}\n"),
    ];
    for text in written {
        std::fs::write(&file, &text).unwrap();
        let wrong = [("Authorization", "Basic c2NyYXBlcjpvcGVuIHNlc2FtZTI=")];
        let pages = ["/", "/metrics", "/explain", "/stat", "/nothing"]
            .into_iter()
            .flat_map(|path| [&LOGIN, &wrong].map(|login| exporter.get_with(path, login).unwrap().text()));
        let reloaded = exporter.request("POST", "/reload", &LOGIN).unwrap().text();
        for shown in pages.chain([reloaded, exporter.log()]) {
            let found =
                ["sesame", "$04$", "MIGHAgEA", "c2NyYXBlcjpv"].into_iter().find(|secret| shown.contains(secret));
            assert_eq!(found, None, "{text}: {shown}");
        }
    }
}

#[test]
fn empty_collector_file_keeps_the_old_collectors() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = |name: &str| format!("{name}: {{ query: SELECT 1 AS n, metrics: [ n: {{ usage: GAUGE }} ] }}\n");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.yml", &yaml("a"));
    write("b.yml", &yaml("b"));
    let args = ["--config", folder.path().to_str().unwrap()];
    let exporter = Exporter::start(binary(), &args, &[DOWN]).unwrap();
    let reload = || exporter.request("POST", "/reload", &[]).unwrap();
    write("b.yml", "\n");
    let refused = reload();
    assert!(refused.status == 500 && refused.text().contains("b.yml: the file is empty"), "{}", refused.text());
    let page = Page::parse(exporter.get("/metrics").unwrap().text());
    assert_eq!(page.value("pg_exporter_config_last_reload_successful", &[]), Some(0.0));
    // A file that is gone is gone on purpose.
    std::fs::remove_file(folder.path().join("b.yml")).unwrap();
    assert_eq!(reload().status, 200);
}

#[test]
fn wrong_passwords_do_not_delay_known_scrapers() {
    let folder = tempfile::tempdir().unwrap();
    let (exporter, _) = start(folder.path(), &users(8));
    let address = exporter.address();
    assert_eq!(exporter.get_with("/metrics", &LOGIN).unwrap().status, 200);
    std::thread::scope(|scope| {
        let floods: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(move || {
                    let deadline = Instant::now() + Duration::from_secs(3);
                    let mut statuses = std::collections::BTreeSet::new();
                    while Instant::now() < deadline {
                        let wrong = [("Authorization", "Basic c2NyYXBlcjp3cm9uZw==")];
                        statuses.insert(lab::request(address, "GET", "/metrics", &wrong).unwrap().status);
                    }
                    statuses
                })
            })
            .collect();
        for _ in 0..20 {
            let response = exporter.get_with("/metrics", &LOGIN).unwrap();
            assert_eq!(response.status, 200);
            assert!(response.elapsed < Duration::from_secs(5), "{:?}", response.elapsed);
        }
        for flood in floods {
            assert!(flood.join().unwrap().iter().all(|status| [401, 503].contains(status)));
        }
    });
}
