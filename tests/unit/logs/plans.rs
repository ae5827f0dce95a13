//! Plans of auto_explain are shipped without literals.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::vector::Pipeline;

/// The message of the event that becomes of a logged plan.
fn shipped(plan: &str) -> String {
    let message = format!("duration: 12.345 ms  plan:\n{plan}");
    let line = json!({ "error_severity": "LOG", "message": message, "query_id": 7 }).to_string();
    let events = Pipeline::of("postgres_json").read(Path::new("a.json"), line.as_bytes());
    events[0]["message"].as_str().unwrap().to_owned()
}

fn plan_of(message: &str) -> Value {
    let (head, plan) = message.split_once('\n').unwrap();
    assert_eq!(head, "duration: 12.345 ms  plan:");
    serde_json::from_str(plan).unwrap_or_else(|error| panic!("{plan}: {error}"))
}

#[test]
fn plans_of_servers_keep_their_nodes_and_lose_their_literals() {
    let folder = support::root().join("fuzz/seeds/plan");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let logged = fs::read_to_string(&path).unwrap();
        let message = shipped(&logged);
        assert!(!message.contains("Zq4Hidden8w") && !message.contains("Query Text"), "{}: {message}", path.display());
        let (before, after) = (serde_json::from_str::<Value>(&logged).unwrap(), plan_of(&message));
        for key in ["Node Type", "Total Cost", "Relation Name", "Index Name"] {
            assert_eq!(after["Plan"][key], before["Plan"][key], "{}", path.display());
        }
    }
}

#[test]
fn literals_in_conditions_are_replaced() {
    let filter = |filter: &str| {
        plan_of(&shipped(&json!({ "Plan": { "Node Type": "Seq Scan", "Filter": filter } }).to_string()))["Plan"]["Filter"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        filter("((a = 'it''s'::text) AND (b > 12.5) AND (t2.c_3 = $1))"),
        "((a = ?::text) AND (b > ?) AND (t2.c_3 = $?))"
    );
    assert_eq!(filter(r#"("o'clock" = 'secret'::text)"#), r#"("o'clock" = ?::text)"#);
    assert_eq!(filter(r"(a = ANY ('{secret,other}'::text[]))"), "(a = ANY (?::text[]))");
    assert_eq!(filter(r"(a = E'back\\slash''secret')"), "(a = E?)");
    assert_eq!(filter("(a = 'secret never ends"), "(a = ?");
}

#[test]
fn a_plan_in_text_or_cut_off_is_left_out() {
    for plan in
        ["Query Text: select 'secret'\nSeq Scan on t\n  Filter: (a = 'secret')", r#"{"Plan":{"Filter":"(a = 'secret"#]
    {
        assert_eq!(shipped(plan), "duration: 12.345 ms  plan:\n(left out: not in JSON, or cut off)");
    }
    let line = br#"{"error_severity":"LOG","message":"duration: 1.5 ms  plan:\n{\"Query Text\":\"select 'secret"#;
    let events = Pipeline::of("postgres_json").read(Path::new("a.json"), line);
    assert!(!events[0].to_string().contains("secret"), "{}", events[0]);
}
