//! JSON that no version prints today: whatever is wrong costs itself, and everything else stays.

use std::fs;

use support::outcome::scrape_until;
use support::{Page, scrape};

use super::script::{DOCUMENT, Script};
use super::{failed, first_page, is_up, next_page};

/// A stanza `good` beside `strange`, which differs from [`DOCUMENT`] in one text.
fn beside(from: &str, to: &str) -> String {
    let good = DOCUMENT.replace("demo", "good");
    assert!(DOCUMENT.contains(from), "{from}");
    let strange = DOCUMENT.replace("demo", "strange").replace(from, to);
    format!("{},{}\n", &good[..good.len() - 1], &strange[1..])
}

/// Names of samples of a stanza.
fn names<'a>(page: &'a Page, stanza: &str) -> Vec<&'a str> {
    let families = page.families().into_iter().filter(|family| family.starts_with("pgbackrest_"));
    families
        .flat_map(|family| vec![family; page.samples(family, &[("stanza", stanza)]).len()])
        .filter(|family| !family.starts_with("pgbackrest_collect") && !family.starts_with("pgbackrest_exporter"))
        .collect()
}

/// What is replaced, by what, and which families the stanza loses.
const STRANGE: &[(&str, &str, &[&str])] = &[
    // A backup without times.
    (
        r#""timestamp":{"start":1795403423,"stop":1795403429},"#,
        "",
        &["duration_seconds", "timestamp_seconds", "since_last", "age_seconds", "window_seconds", "recovery"],
    ),
    (r#""start":1795403423"#, r#""start":null"#, &["duration_seconds", "start_timestamp_seconds"]),
    (
        r#""stop":1795403429"#,
        r#""stop":"late""#,
        &["duration_seconds", "stop_timestamp", "since_last", "age_seconds", "window_seconds", "recovery", "newest"],
    ),
    (r#""start":1795403423"#, r#""start":1e300"#, &["backup_duration_seconds"]),
    // Other types, and numbers that no float holds.
    (r#""size":30583612"#, r#""size":[1]"#, &["size_bytes"]),
    (r#""size":30583612"#, r#""size":1e999"#, &["size_bytes"]),
    (r#""info":{"#, r#""info":7,"other":{"#, &["size_bytes", "delta_bytes"]),
    (r#""annotation""#, r#""annotation""#, &[]),
    (r#""error":false"#, r#""error":"no""#, &["error_status"]),
    (r#""error":false"#, r#""error":false,"annotation":{"a":1,"b":null,"c":[2]}"#, &[]),
    (r#""reference":null"#, r#""reference":[1,null,"x",{}]"#, &[]),
    (r#""lsn":{"start":"0/5000028","stop":"0/5000100"}"#, r#""lsn":"0/5""#, &["lsn_bytes", "recovery_wal_bytes"]),
    (r#""start":"0/5000028""#, r#""start":"zz/""#, &["start_lsn_bytes"]),
    (r#""max":"000000010000000000000005""#, r#""max":"FFFFFFFFFFFFFFFFFFFFFFFF""#, &[]),
    (
        r#""max":"000000010000000000000005""#,
        r#""max":"short""#,
        &["max_timeline", "end_lsn_bytes", "behind_bytes", "gap_bytes", "wal_bytes"],
    ),
    (r#""status":{"code":0,"message":"ok"}"#, r#""status":null"#, &["repo_status", "repo_backups"]),
    (r#""lock":{"backup":{"held":false}}"#, r#""lock":[]"#, &["lock_status"]),
    (r#""db":[{"id":1"#, r#""db":[null,[],{"id":1"#, &[]),
    (r#""repo":[{"#, r#""repo":[null,7,{"#, &[]),
    (r#""type":"full""#, r#""type":"new""#, &["last", "repo_backups", "recovery", "since"]),
    (r#""backup":[{"#, r#""backup":[null,7,"x",[[]],{"#, &[]),
];

#[test]
fn strange_json_costs_its_own_samples() {
    let script = Script::new();
    fs::write(script.path("document"), beside("demo", "strange")).unwrap();
    let exporter = script.exporter(&["--backrest.reference-count"]);
    let plain = first_page(&exporter);
    let (good, whole) = (names(&plain, "good").len(), names(&plain, "strange"));
    assert!(good > 50 && whole.len() == good, "{whole:?}");
    for (from, to, lost) in STRANGE.iter().filter(|(from, ..)| DOCUMENT.contains(from)) {
        fs::write(script.path("document"), beside(from, to)).unwrap();
        let page = next_page(&exporter);
        page.assert_valid();
        assert!(is_up(&page) && failed(&page).is_empty(), "{to}: {:?}", failed(&page));
        assert_eq!(names(&page, "good").len(), good, "{to}");
        let left = names(&page, "strange");
        let missing: Vec<_> = whole.iter().filter(|name| !left.contains(name)).collect();
        let unexpected: Vec<_> = missing.iter().filter(|name| !lost.iter().any(|lost| name.contains(lost))).collect();
        assert!(unexpected.is_empty(), "{to}: {unexpected:?}");
        assert!(lost.is_empty() || !missing.is_empty(), "{to} costs nothing");
    }
}

#[test]
fn element_that_is_no_stanza_costs_itself_and_is_counted() {
    let script = Script::new();
    let text = format!("[7,null,{{\"name\":{{}}}},{}\n", &DOCUMENT[1..]);
    fs::write(script.path("document"), text).unwrap();
    let page = first_page(&script.exporter(&[]));
    assert_eq!(page.value("pgbackrest_stanza_status", &[("stanza", "demo")]), Some(0.0));
    assert_eq!(page.value("pgbackrest_collect_warnings", &[]), Some(1.0));
}

#[test]
fn strange_names_are_labels() {
    let script = Script::new();
    for (json, label) in [
        (r#"a \"b\" {c}\\"#, "a \"b\" {c}\\"),
        (r"line\nfeed", "line\nfeed"),
        (r"\u202eright to left ü", "\u{202e}right to left ü"),
        (r"half \ud83d pair", "half \u{fffd} pair"),
    ] {
        let text = DOCUMENT.replace("demo", json).replace("20261123-031023F", json) + "\n";
        fs::write(script.path("document"), text).unwrap();
        let page = first_page(&script.exporter(&[]));
        page.assert_valid();
        let labels = [("stanza", label), ("backup_name", label)];
        assert_eq!(page.value("pgbackrest_backup_size_bytes", &labels), Some(30_583_612.0), "{json}");
    }
}

#[test]
fn reads_pretty_printed_json() {
    let script = Script::new();
    let value: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    let text = format!("P00   WARN: before\n{}\nP00   WARN: after\n", serde_json::to_string_pretty(&value).unwrap());
    fs::write(script.path("document"), &text).unwrap();
    let exporter = script.exporter(&[]);
    let pretty = first_page(&exporter);
    assert_eq!(pretty.value("pgbackrest_collect_warnings", &[]), Some(1.0));
    fs::write(script.path("document"), format!("{DOCUMENT}\n")).unwrap();
    assert_eq!(names(&pretty, "demo"), names(&next_page(&exporter), "demo"));
}

/// A filter of a user that hits its limit says which, is tried again, and has a result once the document is small enough.
#[test]
fn filter_at_its_limit_recovers() {
    let script = Script::new();
    let folder = tempfile::tempdir().unwrap();
    let filter = "def wait: if .[0].name == \"slow\" then wait else . end; wait | {n: length}";
    let metrics = "[ n: { usage: GAUGE } ]";
    fs::write(
        folder.path().join("own.yml"),
        format!("own:\n  query: '{filter}'\n  timeout: 0.2\n  metrics: {metrics}\n"),
    )
    .unwrap();
    fs::write(script.path("document"), DOCUMENT.replace("demo", "slow") + "\n").unwrap();
    let exporter = script.exporter(&[&format!("--config={}", folder.path().display())]);
    let errors = |page: &Page| {
        let labels = [("collector", "own"), ("reason", "timeout")];
        page.value("pgbackrest_exporter_collector_errors_total", &labels).unwrap_or_default()
    };
    scrape_until(&exporter, "it is late twice", |page| errors(page) >= 2.0);
    let text = exporter.get("/explain").unwrap().text();
    assert!(
        text.contains("own: the filter ") && text.contains("its limit of 0.2 s (timeout of the collector)"),
        "{text}"
    );
    fs::write(script.path("document"), DOCUMENT.to_owned() + "\n").unwrap();
    scrape_until(&exporter, "it has a result", |page| page.value("own_n", &[]) == Some(1.0));
    assert!(!failed(&scrape(&exporter)).contains(&"own"));
}
