//! The embedded collectors on answers of Patroni 3.0 and 4.1.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::{YamlKind, YamlNode, parse_yaml};
use jq::{Filter, FilterTable};

use super::document::{Answers, answer, document, summary};
use super::*;

const PATRONI: &str =
    r#"{"state":"running","role":"replica","timeline":3,"patroni":{"version":"4.1.5","scope":"demo","name":"demo-2"}}"#;
const CLUSTER: &str = r#"{"members":[
    {"name":"demo-1","role":"leader","state":"running","timeline":3,"tags":{"clonefrom":true}},
    {"name":"demo-2","role":"replica","state":"streaming","timeline":3,"lag":0,
     "scheduled_restart":{"schedule":"2026-12-02T03:00:00+01:00"}},
    {"name":"demo-3","role":"replica","state":"streaming","lag":2000000,"tags":{"nosync":true,"failover_priority":"2"}},
    {"name":"demo-4","role":"replica","state":"streaming","lag":5,
     "tags":{"nofailover":true,"noloadbalance":true,"dc":"eu","rank":[1,2],"replicatefrom":"demo-2"}},
    {"name":"demo-5","role":"replica","state":"stopped","lag":"unknown","tags":{"failover_priority":0}},
    {"name":"demo-6","role":"replica","state":"running","lag":"unknown"}],
  "scheduled_switchover":{"at":"2026-12-01T12:00:00.5+00:00","from":"demo-1","to":"demo-2"},"scope":"demo"}"#;
const HISTORY: &str = r#"[[1,25165920,"no recovery target specified","2026-11-30T10:00:00.250000+00:00","demo-2"],
    [2,50331808,"no recovery target specified"]]"#;
const CONFIG: &str = r#"{"ttl":20,"loop_wait":"1","maximum_lag_on_failover":1048576,"failsafe_mode":true}"#;

fn read(answers: &[&str; 4]) -> Answers {
    std::array::from_fn(|at| answer(at, answers[at].as_bytes()))
}

/// The rows of an embedded collector, each as `column=value`; empty and missing values are left out.
fn rows(collector: &str, answers: &[&str; 4]) -> Vec<String> {
    let document = document(&read(answers), &endpoints(collector)).unwrap_or_else(|error| panic!("{error}"));
    let filter = Filter::compile(&query(collector), &LANGUAGE).unwrap_or_else(|error| panic!("{collector}: {error}"));
    let deadline = Instant::now() + Duration::from_secs(10);
    let FilterTable { columns, cells, error, .. } = filter.table(document, Vec::new(), deadline).unwrap();
    assert_eq!(error, None, "{collector}");
    let row = |cells: &[engine::Value<'static>]| {
        let cells = columns.iter().zip(cells).filter(|(_, cell)| **cell != engine::Value::Null);
        cells.map(|(column, cell)| format!("{column}={cell}")).collect::<Vec<_>>().join(" ").replace('"', "")
    };
    cells.chunks(columns.len().max(1)).map(row).collect()
}

fn query(collector: &str) -> String {
    value(collector, "query").scalar().unwrap().to_owned()
}

fn endpoints(collector: &str) -> Vec<Arc<str>> {
    let YamlKind::List(names) = value(collector, "endpoints").kind else {
        panic!("{collector} has no list of endpoints")
    };
    names.iter().map(|name| name.scalar().unwrap().into()).collect()
}

/// The value of a key of an embedded collector.
fn value(collector: &str, key: &str) -> YamlNode {
    let (root, _) = parse_yaml(include_str!("../../../../collectors/pg/patroni_rest.yml")).unwrap();
    let member = |node: &YamlNode, name: &str| match &node.kind {
        YamlKind::Map(entries) => {
            entries.iter().find(|(key, _)| key.scalar() == Some(name)).map(|(_, value)| value.clone())
        }
        _ => None,
    };
    member(&root, collector).and_then(|body| member(&body, key)).unwrap()
}

#[test]
fn members_have_their_tags_and_the_obstacle_of_a_failover() {
    let answers = [PATRONI, CLUSTER, HISTORY, CONFIG];
    let obstacles: BTreeMap<String, String> = rows("patroni_member_state", &answers)
        .iter()
        .filter_map(|row| {
            let (member, obstacle) = row.split_once("member=")?.1.split_once(' ')?;
            let obstacle = obstacle.split_once("obstacle=").map_or("", |(_, rest)| rest.trim_end_matches(" info=1"));
            Some((member.to_owned(), obstacle.to_owned()))
        })
        .collect();
    let expected =
        [("1", "leader"), ("2", ""), ("3", "lag"), ("4", "nofailover"), ("5", "state"), ("6", "lag unknown")];
    assert_eq!(obstacles, expected.map(|(at, why)| (format!("demo-{at}"), why.to_owned())).into());
    let members = rows("patroni_member", &answers);
    for (at, words) in [
        (0, &["candidate=false", "clonefrom=true", "failover_priority=1"][..]),
        (1, &["candidate=true", "lag=0", "nofailover=false", "scheduled_restart=1796176800"]),
        (2, &["candidate=false", "lag=2000000", "nosync=true", "failover_priority=2"]),
        (3, &["nofailover=true", "noloadbalance=true", "failover_priority=0"]),
        (4, &["nofailover=true", "failover_priority=0"]),
    ] {
        for word in words {
            assert!(format!(" {} ", members[at]).contains(&format!(" {word} ")), "{word}: {}", members[at]);
        }
    }
    assert!(!members[4].contains("lag="), "{}", members[4]);
    assert_eq!(
        rows("patroni_member_tag", &answers),
        [
            "scope=demo member=demo-4 tag=dc value=eu info=1",
            "scope=demo member=demo-4 tag=rank value=[1,2] info=1",
            "scope=demo member=demo-4 tag=replicatefrom value=demo-2 info=1",
        ]
    );
}

#[test]
fn candidates_are_counted_while_there_is_a_leader() {
    assert_eq!(rows("patroni_cluster", &[PATRONI, CLUSTER, "[]", CONFIG]), ["scope=demo members=6 candidates=1"]);
    let unlocked = CLUSTER.replace("\"leader\"", "\"replica\"");
    assert_eq!(rows("patroni_cluster", &[PATRONI, &unlocked, "[]", CONFIG]), ["scope=demo members=6"]);
    // A synchronous cluster promotes synchronous standbys only.
    for (mode, candidates) in [("\"quorum\"", 0), ("true", 0), ("\"off\"", 1), ("null", 1)] {
        let config = format!("{{\"synchronous_mode\":{mode}}}");
        let expected = format!("scope=demo members=6 candidates={candidates}");
        assert_eq!(rows("patroni_cluster", &[PATRONI, CLUSTER, "[]", &config]), [expected], "{mode}");
    }
    let synchronous = CLUSTER.replacen("\"role\":\"replica\"", "\"role\":\"sync_standby\"", 1);
    let expected = ["scope=demo members=6 candidates=1"];
    assert_eq!(rows("patroni_cluster", &[PATRONI, &synchronous, "[]", "{\"synchronous_mode\":true}"]), expected);
}

#[test]
fn history_switchover_and_settings_are_read() {
    let answers = [PATRONI, CLUSTER, HISTORY, CONFIG];
    assert_eq!(
        rows("patroni_history", &answers),
        [
            "scope=demo timeline=1 new_leader=demo-2 reason=no recovery target specified end_lsn=25165920 end_time=1796032800.25",
            "scope=demo timeline=2 reason=no recovery target specified end_lsn=50331808",
        ]
    );
    assert_eq!(rows("patroni_switchover", &answers), ["scope=demo from=demo-1 to=demo-2 at=1796126400.5"]);
    assert_eq!(
        rows("patroni_setting", &answers),
        ["scope=demo ttl=20 loop_wait=1 retry_timeout=10 maximum_lag_on_failover=1048576 synchronous_mode=false \
          synchronous_mode_strict=false failsafe_mode=true"]
    );
    let many: Vec<String> = (1..=30).map(|timeline| format!("[{timeline},1,\"x\"]")).collect();
    let kept = rows("patroni_history", &[PATRONI, CLUSTER, &format!("[{}]", many.join(",")), CONFIG]);
    assert_eq!((kept.len(), kept[0].as_str()), (20, "scope=demo timeline=11 reason=x end_lsn=1"));
    let cluster = r#"{"members":[]}"#;
    assert_eq!(rows("patroni_switchover", &[PATRONI, cluster, "[]", "{}"]), [""; 0]);
}

#[test]
fn members_of_other_types_cost_no_row() {
    let cluster = r#"{"members":[1,{"name":{},"role":[],"state":7,"tags":"x","lag":[],"scheduled_restart":3}],"scheduled_switchover":[]}"#;
    let answers = [r#"{"patroni":3}"#, cluster, "[7,[],[{}]]", r#"{"ttl":[],"synchronous_mode":{}}"#];
    for collector in ["patroni_cluster", "patroni_member", "patroni_member_state", "patroni_setting"] {
        assert_eq!(rows(collector, &answers).len(), 1, "{collector}");
    }
    assert_eq!(rows("patroni_member_tag", &answers).len() + rows("patroni_switchover", &answers).len(), 0);
    assert_eq!(rows("patroni_history", &answers).len(), 2);
}

#[test]
fn answers_that_are_not_patronis_are_errors() {
    let error = |answers: [&str; 4]| read(&answers).into_iter().find_map(Result::err).unwrap();
    for (answers, expected) in [
        (["{}", "{", "[]", "{}"], "the answer of /cluster is not JSON: "),
        (["{}", "[]", "[]", "{}"], "the answer of /cluster is not an object"),
        (["{}", "{}", "[]", "{}"], "the answer of /cluster has no members"),
        (["{}", r#"{"members":[]}"#, "{}", "{}"], "the answer of /history is not an array"),
    ] {
        let error = error(answers);
        assert!(error.message.starts_with(expected) && error.reason == Reason::Json, "{error}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(error(["{}", r#"{"members":[]}"#, &deep, "{}"]).reason, Reason::Json);
}

#[test]
fn an_endpoint_that_cannot_be_read_costs_the_filters_that_need_it() {
    let answers = read(&[PATRONI, "{", HISTORY, CONFIG]);
    let failed = |collector| document(&answers, &endpoints(collector)).is_err();
    for collector in
        ["patroni_cluster", "patroni_member", "patroni_member_state", "patroni_member_tag", "patroni_switchover"]
    {
        assert!(failed(collector), "{collector}");
    }
    assert!(!failed("patroni_history") && !failed("patroni_setting"));
}

#[test]
fn a_person_reads_how_many_members_there_are() {
    let of = |cluster: &str| summary(&answer(1, cluster.as_bytes()).unwrap());
    assert_eq!(of(CLUSTER), "6 members, leader demo-1");
    assert_eq!(of(r#"{"members":[{"name":"a"}]}"#), "1 member, no leader");
}
