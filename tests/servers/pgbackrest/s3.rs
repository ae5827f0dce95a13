//! A repository in S3: backups, verification, a restore drill, a server that does not answer, and its secret.

use std::process::Command;
use std::time::Duration;

use lab::{Backrest, BackrestRelease, Proxy, S3};
use support::outcome::{scrape_for, scrape_until};
use support::{Page, pgbackrest_exporter};

use super::{STANZA, exporter, first_page, is_up, server_for};

#[test]
fn repository_in_s3_is_observed_verified_and_restored() {
    let s3 = S3::start().unwrap();
    let link = Proxy::start(s3.port()).unwrap();
    // Bundles, since each file costs a request.
    let own = ["archive-timeout=20", "io-timeout=5", "repo1-bundle=y"].map(str::to_owned).to_vec();
    let options = [own, s3.options(1, link.port())].concat();
    let release = BackrestRelease::Newest;
    let backrest = Backrest::new(release, &options.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let server = server_for(&backrest, release);
    backrest.create_stanza(STANZA, &server).unwrap();
    server.psql("postgres", "create table t as select generate_series(1, 1000) as n").unwrap();
    backrest.backup(STANZA, "full", &[]).unwrap();

    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let drills = [
        format!("--drill.path={}", folder.path().join("scratch").display()),
        format!("--drill.pg-bin-path={}", server.bin_dir().display()),
    ];
    let exporter = exporter(&backrest, &["--verify.every=1h", "--collect.timeout=10"]);
    let page = first_page(&exporter);
    assert_eq!(page.value("pgbackrest_stanza_status", &[("stanza", STANZA)]), Some(0.0));
    // The store is a program in Python, which answers some ten requests a second on a machine with other work.
    let is_verified = |page: &Page| page.value("pgbackrest_verify_success", &[]).is_some();
    let page = scrape_for(Duration::from_secs(180), &exporter, "a verification", is_verified);
    assert_eq!(page.value("pgbackrest_verify_success", &[]), Some(1.0), "{}", page.text);

    let mut drill = Command::new(pgbackrest_exporter());
    drill.arg("drill").args(&drills).arg("--drill.query=select count(*) = 1000 from t");
    drill.args(backrest.user().map(|user| format!("--backrest.user={user}")));
    drill.arg(format!("--backrest.binary={}", backrest.program().display()));
    let output = drill.arg(format!("--backrest.config={}", backrest.config().display())).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");

    // A store that takes connections and does not answer: named on the page, and recovered from.
    link.freeze();
    let status = |page: &Page| page.value("pgbackrest_stanza_status", &[("stanza", STANZA)]);
    let is_faulty = |page: &Page| !is_up(page) || status(page).is_some_and(|status| status > 0.0);
    let page = scrape_until(&exporter, "the fault", is_faulty);
    assert!(!page.text.contains("a-secret-of"), "{}", page.text);
    let shown = exporter.get("/").unwrap().text();
    link.thaw();
    scrape_until(&exporter, "its end", |page| is_up(page) && status(page) == Some(0.0));
    for text in [shown, told, exporter.log()] {
        assert!(!text.contains("a-secret-of"), "{text}");
    }
}
