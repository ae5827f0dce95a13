//! However much a repository holds, a page is bounded, and says what it leaves out.

use std::fmt::Write as _;
use std::fs;

use lab::Exporter;
use support::outcome::scrape_until;
use support::{Page, pgbackrest_exporter};

use super::script::Script;
use super::{first_page, is_up};

/// A document of one stanza with so many backups: a full one, a differential one and increments, over and over.
fn document(backups: u64) -> String {
    let mut list = String::new();
    for n in 0..backups {
        let (kind, letter) = [("full", "F"), ("diff", "D"), ("incr", "I"), ("incr", "I")][(n % 4) as usize];
        let comma = if n == 0 { "" } else { "," };
        let stop = 1_700_000_000 + n * 3600;
        write!(
            list,
            r#"{comma}{{"annotation":{{"n":"{n}"}},"archive":{{"start":"000000010000000000000005","stop":"000000010000000000000005"}},"backrest":{{"format":5,"version":"2.55.1"}},"database":{{"id":1,"repo-key":1}},"error":false,"info":{{"delta":{n},"repository":{{"delta":6078907,"size":6078907}},"size":30583612}},"label":"backup-{n}{letter}","lsn":{{"start":"0/5000028","stop":"0/5000100"}},"prior":null,"reference":["a-reference-F","b-reference-D","c-reference-I","d-reference-I","e-reference-I","f-reference-I","g-reference-I"],"timestamp":{{"start":{},"stop":{stop}}},"type":"{kind}"}}"#,
            stop - 60
        )
        .unwrap();
    }
    format!(
        r#"[{{"archive":[],"backup":[{list}],"cipher":"none","db":[{{"id":1,"repo-key":1,"system-id":1,"version":"15"}}],"name":"demo","repo":[{{"cipher":"none","key":1,"status":{{"code":0,"message":"ok"}}}}],"status":{{"code":0,"lock":{{"backup":{{"held":false}}}},"message":"ok"}}}}]"#
    )
}

/// The labels of backups that the detail is told of.
fn told<'a>(page: &'a Page, family: &str) -> Vec<&'a str> {
    page.samples(family, &[]).iter().map(|sample| &*sample.labels["backup_name"]).collect()
}

#[test]
fn page_is_bounded_with_a_thousand_backups() {
    let script = Script::new();
    fs::write(script.path("document"), document(1000) + "\n").unwrap();
    let exporter = script.exporter(&["--backrest.reference-count"]);
    let page = first_page(&exporter);
    let series = page.text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 6000, "{series}");
    for family in ["pgbackrest_backup_info", "pgbackrest_backup_size_bytes", "pgbackrest_backup_duration_seconds"] {
        let told = told(&page, family);
        assert_eq!(told.len(), 200, "{family}");
        // The newest of each type, and the newest of all.
        for name in ["backup-999I", "backup-997D", "backup-996F", "backup-998I", "backup-900F"] {
            assert!(told.contains(&name), "{family}: {name}");
        }
    }
    // Where the detail ends, the numbers of all go on.
    assert_eq!(page.value("pgbackrest_repo_backups", &[("backup_type", "full")]), Some(250.0));
    assert_eq!(page.value("pgbackrest_collect_backups", &[]), Some(1000.0));
    assert_eq!(page.value("pgbackrest_collect_backups_left_out", &[]), Some(800.0));
}

#[test]
fn reads_thirty_megabytes_of_json() {
    let script = Script::new();
    let document = document(55_000);
    assert!(document.len() > 30_000_000, "{}", document.len());
    fs::write(script.path("document"), document + "\n").unwrap();
    let flag = format!("--backrest.binary={}", script.program().display());
    let exporter = Exporter::start(pgbackrest_exporter(), &[&flag], &[]).unwrap();
    let page = scrape_until(&exporter, "it is read", is_up);
    assert!(page.value("pgbackrest_collect_json_bytes", &[]).unwrap() > 30e6);
    assert_eq!(page.value("pgbackrest_stanza_status", &[]), Some(0.0));
    let series = page.text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 6000, "{series}");
    let resident = page.value("process_resident_memory_bytes", &[]).unwrap();
    assert!(resident < 1.5e9, "{resident}");
    eprintln!(
        "30 MB of JSON: {:.0} MB resident, {:?} s",
        resident / 1e6,
        page.value("pgbackrest_collect_duration_seconds", &[])
    );
}
