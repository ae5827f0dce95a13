//! The exporters run with the environment that the Helm chart gives their containers.

use std::fs;

use lab::{BouncerRelease, Exporter, MONITOR_PASSWORD, Major, PgBouncer, Postgres};
use serde_json::{Value, json};
use support::chart::{Rendered, render, with_values};
use support::{binary, pgbouncer_exporter, scrape};
use tempfile::TempDir;

/// Where the chart mounts collector files.
const OWN: &str = "/etc/pg-exporter/own";

const COLLECTOR: &str = "\
shop_orders:
  query: SELECT 7 AS count
  tags: [cluster]
  metrics: [{ count: { usage: GAUGE } }]
";

fn rendered(server: &Postgres, pooler: &PgBouncer) -> Rendered {
    let password = json!({ "name": "monitor" });
    let values = json!({
        "images": { "pg-exporter": { "repository": "a" }, "pgbouncer-exporter": { "repository": "b" } },
        "targets": [
            { "name": "server", "host": "127.0.0.1", "port": server.port(), "passwordSecret": password },
            {
                "name": "pooler", "program": "pgbouncer-exporter", "host": "127.0.0.1", "port": pooler.port(),
                "passwordSecret": password,
            },
        ],
        "collectors": { "own.yml": COLLECTOR },
        "slim": true,
    });
    let rendered = render(&[with_values("servers", &values)]).remove(0);
    assert_eq!(rendered.error, None);
    rendered
}

fn container<'a>(rendered: &'a Rendered, program: &str) -> &'a Value {
    let mut containers =
        rendered.of_kind("Deployment").map(|manifest| &manifest["spec"]["template"]["spec"]["containers"][0]);
    containers.find(|container| container["name"] == program).unwrap()
}

/// The variables of a container, with what a cluster would put in: the password of the Secret, and the mounted files.
fn environment(container: &Value, files: &TempDir) -> Vec<(String, String)> {
    let variables = container["env"].as_array().unwrap().iter();
    let value = |variable: &Value| match variable["value"].as_str() {
        Some(value) => value.replace(OWN, files.path().to_str().unwrap()),
        None if variable["valueFrom"]["secretKeyRef"] == json!({ "name": "monitor", "key": "password" }) => {
            MONITOR_PASSWORD.to_owned()
        }
        None => panic!("{variable}"),
    };
    variables.map(|variable| (variable["name"].as_str().unwrap().to_owned(), value(variable))).collect()
}

#[test]
fn the_exporters_run_with_the_environment_of_the_chart() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "CREATE TABLE t (n int)").unwrap();
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST).start().unwrap();
    let rendered = rendered(&server, &pooler);
    let files = TempDir::new().unwrap();
    let collectors = rendered.of_kind("ConfigMap").next().unwrap()["data"].as_object().unwrap();
    for (name, text) in collectors {
        fs::write(files.path().join(name), text.as_str().unwrap()).unwrap();
    }
    let start = |program: &str, binary| {
        let environment = environment(container(&rendered, program), &files);
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Exporter::start(binary, &[], &environment).unwrap()
    };

    let exporter = start("pg-exporter", binary());
    let page = scrape(&exporter);
    assert!(page.is_up(), "{}", exporter.log());
    assert_eq!(page.value("shop_orders_count", &[]), Some(7.0), "the file of the chart is loaded");
    let families = page.families();
    assert!(families.contains("pg_db_xact_commit") && !families.contains("pg_table_relid"), "slim leaves out tables");
    assert_eq!(exporter.get("/liveness").unwrap().status, 200);

    let exporter = start("pgbouncer-exporter", pgbouncer_exporter());
    let page = scrape(&exporter);
    assert_eq!(page.value("pgbouncer_up", &[]), Some(1.0), "{}", exporter.log());
}
