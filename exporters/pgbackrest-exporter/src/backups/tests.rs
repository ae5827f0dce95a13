//! Documents and what is prepared of them.

use jq::json::{elements, member, number};

use super::*;

fn selection(limit: usize) -> BackupSelection {
    BackupSelection { excluded_stanzas: vec!["out".into()], excluded_types: vec!["diff"], limit, document_limit: 2000 }
}

fn backup(label: &str, kind: &str, stop: u64) -> String {
    format!(
        r#"{{"label":"{label}","type":"{kind}","timestamp":{{"stop":{stop}}},"database":{{"id":1,"repo-key":2}},
            "lsn":{{"start":"0/5000028"}},"archive":{{"start":"000000010000000000000005","stop":"000000010000000000000006"}}}}"#
    )
}

fn document(backups: &[String]) -> String {
    format!(r#"[{{"name":"a","backup":[{}]}},{{"name":"out"}}]"#, backups.join(","))
}

fn labels(backups: &[Val]) -> Vec<String> {
    backups.iter().filter_map(|backup| text(backup, "label")).collect()
}

#[test]
fn lists_newest_of_each_type_then_others_up_to_limit() {
    let backups = [("f1", "full", 10), ("i1", "incr", 20), ("d1", "diff", 30), ("f2", "full", 40), ("i2", "incr", 50)];
    let document = document(&backups.map(|(label, kind, stop)| backup(label, kind, stop)));
    let prepared = prepare(&document, &selection(3), &BTreeMap::new()).unwrap();
    assert_eq!(labels(&prepared.newest), ["i2", "f2"]);
    assert_eq!(labels(&prepared.others), ["i1"]);
    assert_eq!((prepared.backups, prepared.omitted, prepared.stanzas.len()), (4, 1, 1));
    let cluster = &prepared.clusters[0];
    let number = |name| member(cluster, name).unwrap().to_string();
    assert_eq!((number("full"), number("incr"), number("repo_key")), ("2".into(), "2".into(), "2".into()));
    assert_eq!(text(member(cluster, "oldest_full").unwrap(), "label").as_deref(), Some("f1"));
    assert_eq!(number("needed_end_bytes"), (7 << 24).to_string());
}

#[test]
fn adds_known_databases() {
    let document = document(&[backup("f1", "full", 10)]);
    let known = [(("a".to_owned(), 2, "f1".to_owned()), Val::from(7isize))].into();
    let prepared = prepare(&document, &selection(9), &known).unwrap();
    assert_eq!(member(&prepared.newest[0], "database-ref"), Some(&Val::from(7isize)));
}

#[test]
fn rejects_other_documents() {
    for text in ["[1]", r#"[{"name":1}]"#, "[null]", "[[]]"] {
        assert!(prepare(text, &selection(9), &BTreeMap::new()).is_err(), "{text}");
    }
}

#[test]
fn stanza_or_backup_that_cannot_be_read_costs_itself() {
    let good = backup("f1", "full", 10);
    let without_time = r#"{"label":"f2","type":"full","database":{"id":1,"repo-key":2}}"#;
    let text = format!(r#"[7,{{"name":"a","backup":[{good},null,[],{without_time},"x",{{}}]}},{{"name":["b"]}}]"#);
    let prepared = prepare(&text, &selection(9), &BTreeMap::new()).unwrap();
    assert_eq!((prepared.unreadable, prepared.backups, prepared.stanzas.len()), (5, 3, 1));
    assert_eq!(labels(&prepared.newest), ["f1"]);
    assert_eq!(labels(&prepared.others), ["f2"]);
    assert_eq!(text_in(&prepared.clusters[1], "oldest_full"), "f1");
}

fn text_in(cluster: &Val, name: &str) -> String {
    member(cluster, name).and_then(|backup| text(backup, "label")).unwrap_or_default()
}

/// Of many backups, each stanza keeps the same share in memory, and no stanza loses its newest.
#[test]
fn keeps_no_more_backups_than_the_document_may_have() {
    let stanza = |name: &str, count: u64| {
        let backups: Vec<_> = (1..=count).map(|n| backup(&format!("{name}{n}"), "full", n)).collect();
        format!(r#"{{"name":"{name}","backup":[{}]}}"#, backups.join(","))
    };
    let text = format!("[{},{},{}]", stanza("a", 50), stanza("b", 3), stanza("c", 50));
    let limited = BackupSelection { document_limit: 13, ..selection(20) };
    let prepared = prepare(&text, &limited, &BTreeMap::new()).unwrap();
    assert_eq!(labels(&prepared.newest), ["a50", "b3", "c50"]);
    assert_eq!(labels(&prepared.others), ["a49", "a48", "a47", "a46", "b2", "b1", "c49", "c48", "c47", "c46"]);
    assert_eq!((prepared.backups, prepared.omitted), (103, 90));
    let kept = |stanza: &Val| elements(member(stanza, "backup").unwrap()).len();
    assert_eq!(prepared.stanzas.iter().map(kept).collect::<Vec<_>>(), [5, 3, 5]);
    // All of them are counted.
    assert_eq!(number(&prepared.clusters[0], "full"), 50);
    let whole = prepare(&text, &selection(20), &BTreeMap::new()).unwrap();
    assert_eq!(whole.stanzas.iter().map(kept).collect::<Vec<_>>(), [50, 3, 50]);
    assert_eq!(whole.omitted, 60);
}
