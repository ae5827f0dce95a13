//! Many stanzas: the work grows with the document and not with its square, and the memory is bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use lab::Exporter;
use support::outcome::scrape_until;
use support::{Page, pgbackrest_exporter};

use super::script::Script;
use super::{failed, is_up};

/// A document of so many stanzas, with so many backups in all.
fn document(stanzas: usize, backups: usize) -> String {
    let mut text = String::new();
    for stanza in 0..stanzas {
        let count = backups * (stanza + 1) / stanzas - backups * stanza / stanzas;
        let mut list = String::new();
        let mut chain: Vec<String> = Vec::new();
        for n in 0..count {
            let (kind, letter) = [("full", "F"), ("diff", "D"), ("incr", "I")][if n % 7 == 0 { 0 } else { 1 + n % 2 }];
            if n % 7 == 0 {
                chain.clear();
            }
            let label = format!("20261101-{n:06}F_20261102-{n:06}{letter}");
            let (start, segment) = (1_795_000_000 + n * 3600, format!("0000000100000000{:08X}", n + 5));
            let lsn = format!("0/{:X}000028", n + 5);
            let reference = chain.join("\",\"");
            write!(
                list,
                r#"{}{{"annotation":{{"who":"cron"}},"archive":{{"start":"{segment}","stop":"{segment}"}},"backrest":{{"format":5,"version":"2.58.0"}},"database":{{"id":1,"repo-key":1}},"error":false,"info":{{"delta":{n},"repository":{{"delta":6078907,"size":6078907}},"size":30583612}},"label":"{label}","lsn":{{"start":"{lsn}","stop":"{lsn}"}},"prior":null,"reference":["{reference}"],"timestamp":{{"start":{start},"stop":{}}},"type":"{kind}"}}"#,
                if n == 0 { "" } else { "," },
                start + 60,
            )
            .unwrap();
            chain.push(label);
        }
        let comma = if stanza == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"archive":[{{"database":{{"id":1,"repo-key":1}},"id":"17-1","max":"0000000100000000000000FF","min":"000000010000000000000001"}}],"backup":[{list}],"cipher":"none","db":[{{"id":1,"repo-key":1,"system-id":{stanza},"version":"17"}}],"name":"stanza-{stanza}","repo":[{{"cipher":"none","key":1,"status":{{"code":0,"message":"ok"}}}}],"status":{{"code":0,"lock":{{"backup":{{"held":false}}}},"message":"ok"}}}}"#
        )
        .unwrap();
    }
    format!("[{text}]\n")
}

/// An exporter that has read the document once.
fn exporter_of(document: &str, more: &[&str]) -> (Script, Exporter) {
    let script = Script::new();
    fs::write(script.path("document"), document).unwrap();
    let binary = format!("--backrest.binary={}", script.program().display());
    let args = [&[binary.as_str(), "--disable-cache", "--collect.interval=600"], more].concat();
    let exporter = Exporter::start(pgbackrest_exporter(), &args, &[]).unwrap();
    (script, exporter)
}

/// How many terms of its filter each collector has evaluated, at most.
fn steps(exporter: &Exporter) -> BTreeMap<String, u64> {
    let mut steps = BTreeMap::new();
    for line in exporter.log().lines() {
        let word = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        if let (Some(collector), Some(count)) = (word("collector="), word("steps=")) {
            let most: &mut u64 = steps.entry(collector.to_owned()).or_default();
            *most = (*most).max(count.parse().unwrap());
        }
    }
    steps
}

#[test]
fn filters_do_work_in_proportion_to_stanzas() {
    let of = |stanzas: usize| {
        let backups = stanzas * 5 / 2;
        let flags = ["--log.level=debug", "--backrest.reference-count"];
        let (_script, exporter) = exporter_of(&document(stanzas, backups), &flags);
        let count = |page: &Page, family: &str| page.samples(family, &[]).len();
        let page = scrape_until(&exporter, "every filter has a result", |page| is_up(page) && failed(page).is_empty());
        assert_eq!(count(&page, "pgbackrest_backup_info"), backups);
        assert_eq!(count(&page, "pgbackrest_wal_archive_gap_bytes"), stanzas);
        let counts = page.samples("pgbackrest_repo_backups", &[]);
        assert_eq!(counts.iter().map(|sample| sample.value).sum::<f64>(), backups as f64);
        steps(&exporter)
    };
    let (few, many) = (of(40), of(160));
    assert!(few.len() > 20, "{few:?}");
    for (collector, steps) in &many {
        assert!(*steps <= 4 * few[collector] + 1000, "{collector}: {steps}, of a quarter: {}", few[collector]);
    }
}

/// What is kept in memory depends on what is exported, and not on how many backups there are.
#[test]
fn memory_is_bounded_with_many_backups() {
    let (_script, exporter) = exporter_of(&document(100, 6000), &[]);
    let is_read = |page: &Page| page.value("pgbackrest_collect_backups", &[]) == Some(6000.0);
    let page = scrape_until(&exporter, "the document is read", is_read);
    assert_eq!(page.value("pgbackrest_collect_backups_left_out", &[]), Some(4000.0));
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.process().pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150_000, "{peak} KiB");
}
