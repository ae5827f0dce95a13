//! The pictures of docs/screenshots, all taken again.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::{Architecture, Prometheus, Target};
use support::{binary, one_at_a_time, root};
use tempfile::TempDir;

use super::browser::{self, Preview};
use super::load::Load;
use super::pile_up::PileUp;
use super::{faults, plan};
use crate::plain::unlabelled;

/// On a busy machine it takes a while until nothing has been late for this long.
const LIMIT: Duration = Duration::from_secs(900);

/// The time range of a picture, in milliseconds.
const RANGE: u128 = 240_000;

/// Everything is up, without a gap, and no alert fires but that of the machine, which runs all of this.
const HEALTHY: &str = r#"
min_over_time(min({__name__=~"up|pg_up|pgbouncer_up|pgbackrest_up"})[4m:5s]) == 1
and on () min(count_over_time(pg_up[4m])) > 45
and on () min(count_over_time(pgbouncer_up[4m])) > 45
and on () absent_over_time(ALERTS{alertstate="firing",severity=~"critical|warning",alertname!~"PostgresLoadHigh|PostgresLatencyBurns.*|.*Default.*"}[4m])
"#;

const PILED_UP: &str = "min_over_time(sum(pg_blocking_blocked_sessions)[2m:5s]) > 15";

/// The pages for targets with nothing but `job` and `instance`.
const SITE: &str = "labels: { cluster: job, server: instance }";

/// The range that ends now, with the server that the pages of one show.
pub(super) fn now(server: &str) -> String {
    let to = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("from={}&to={to}&step=5&{server}", to - RANGE)
}

/// The pages of a site, in a folder.
fn pages_of_site() -> TempDir {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("site.yml");
    fs::write(&config, SITE).unwrap();
    let mut mixin = Command::new(binary());
    mixin.args(["mixin", "--only", "dashboards", "--config"]).arg(&config).arg("--out").arg(folder.path());
    assert!(mixin.status().unwrap().success());
    folder
}

/// A Prometheus that scrapes the same without our labels.
fn without_labels(targets: &[Target]) -> Prometheus {
    let plan = plan();
    Prometheus::start_with_rules(&unlabelled(targets), plan.interval, &plan.rules).unwrap()
}

/// Takes the pictures of one state.
fn take(prometheus: &Prometheus, pages: Option<&Path>, state: &str, query: &str) {
    Preview::start_of(root(), prometheus.address(), pages).take(&root().join("docs/screenshots"), state, query);
}

#[test]
#[ignore = "writes docs/screenshots: make pictures"]
fn pictures_of_a_slow_server() {
    super::story::tell(&root().join("docs/screenshots"));
}

#[test]
#[ignore = "writes docs/screenshots in 20 min: make pictures"]
fn pictures_of_the_documentation() {
    let _turn = one_at_a_time();
    browser::build(root());
    let architecture = Architecture::start(&plan()).unwrap();
    let plain = without_labels(&architecture.targets());
    let _load = Load::calm(&architecture);
    let primary = &architecture.nodes[architecture.primary().unwrap()];
    let server = format!("var-ins={}", primary.member.name());

    architecture.prometheus.wait_for(HEALTHY, LIMIT).unwrap();
    let healthy = now(&server);
    take(&architecture.prometheus, None, "healthy", &healthy);
    take(&plain, None, "unlabeled", &healthy);
    let site = pages_of_site();
    let pages = site.path().join("dashboards");
    take(&plain, Some(&pages), "plain", &now(&format!("var-instance={}", primary.exporters[0].address())));

    let pile_up = PileUp::start(&architecture, &primary.member);
    architecture.prometheus.wait_for(PILED_UP, LIMIT).unwrap();
    take(&architecture.prometheus, None, "pile-up", &now(&server));
    drop(pile_up);

    let _broken = faults::cause(&architecture);
    take(&architecture.prometheus, None, "broken", &now(&server));
}
