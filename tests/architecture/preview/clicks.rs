//! Links: the culprit keeps its labels from the overview to its statement.

use super::browser::Preview;
use super::panels::Fault;

/// What is wrong with the links from the overview to the sessions behind a lock and to their statement.
pub fn wrong(preview: &Preview<'_>, server: &str) -> Vec<Fault> {
    let through_pages = [
        "Clusters>cluster>pg-lab",
        &format!("Cluster members>instance>{server}"),
        "Blocked sessions>activity",
        "Who blocks whom>query",
    ];
    let at_once = ["Max blocked sessions>activity", "Who blocks whom>database"];
    let of_a_query = ["Top queries>query"];
    let mut wrong = Vec::new();
    for (page, steps) in [("overview", &through_pages[..]), ("overview", &at_once), ("instance", &of_a_query)] {
        let visited = preview.follow(page, steps);
        assert_eq!(visited.len(), steps.len(), "{visited:?}");
        for one in visited {
            let wanted = expected(one["page"].as_str().unwrap(), server);
            let variables = &one["variables"];
            let lost = wanted.iter().any(|(name, value)| match (variables[name].as_str(), value) {
                (Some(found), Some(value)) => found != *value,
                // Which statement it is, is not known before; the ID is a number, not rounded.
                (Some(found), None) => found.parse::<i64>().is_err(),
                (None, _) => true,
            });
            if lost || one["failed"] != serde_json::json!([]) {
                wrong.push((format!("pg-suite-{page}"), one.to_string()));
            }
        }
    }
    wrong
}

/// The variables that a page must be given, with their values where these are known.
fn expected<'a>(page: &str, server: &'a str) -> Vec<(&'static str, Option<&'a str>)> {
    let mut wanted = vec![("var-cls", Some("pg-lab"))];
    if page != "pg-suite-cluster" {
        wanted.push(("var-ins", Some(server)));
    }
    if ["pg-suite-query", "pg-suite-database"].contains(&page) {
        wanted.push(("var-datname", Some("postgres")));
    }
    if page == "pg-suite-query" {
        wanted.push(("var-query", None));
    }
    wanted
}
