//! The dashboards as a person sees them: drawn in a browser by Grafana's own packages, from the whole architecture, once
//! in health and once with three faults. The pictures are in `target/screenshots`.

mod browser;
mod clicks;
mod faults;
pub(crate) mod load;
mod panels;
mod pictures;
mod pile_up;
mod story;

use std::collections::BTreeSet;
use std::time::Duration;

use lab::{Architecture, Plan, Ports, Scale, rule_files};
use support::{one_at_a_time, programs, root};

use browser::Preview;
use load::Load;
use panels::{Allowed, Drawn, Fault};
use pile_up::PileUp;

/// A busy machine of two cores needs a while.
const LIMIT: Duration = Duration::from_secs(90);

/// How often a page with faults is drawn again.
const AGAIN: usize = 3;

const OVERVIEW: &str = "pg-suite-overview";

/// Builds the page.
pub(crate) fn build() {
    browser::build(root());
}

fn plan() -> Plan {
    Plan {
        programs: programs().to_owned(),
        ports: Ports::Free,
        interval: Duration::from_secs(5),
        rules: rule_files(&root().join("alerts")),
        scale: Some(Scale { hold: Duration::from_secs(2), conditions: &[] }),
        exporter_args: vec!["--cache-ttls=1,5,5,5".to_owned(), "--tag=exact_size".to_owned()],
        ..Plan::default()
    }
}

#[test]
#[ignore = "make browser"]
fn documents_fit_grafanas_schema() {
    browser::build(root());
    browser::check_schema(root());
}

#[test]
#[ignore = "make browser"]
fn every_panel_renders_and_the_overview_shows_faults() {
    let _turn = one_at_a_time();
    let (architecture, load) = std::thread::scope(|scope| {
        scope.spawn(|| browser::build(root()));
        let architecture = Architecture::start(&plan()).unwrap();
        let load = Load::start(&architecture);
        (architecture, load)
    });
    wait_until_healthy(&architecture);
    let preview = Preview::start(root(), architecture.prometheus.address());

    let allowed = Allowed::read(root());
    let (healthy, mut wrong) =
        settled(&preview, "healthy", |drawn| [drawn.errors(), drawn.unexpected(&allowed)].concat());
    println!("{}", healthy.counts());
    println!("orange or red in health: {}", healthy.alarming().join(", "));
    wrong.extend(
        faults::TILES
            .iter()
            .filter(|tile| healthy.is_alarming(OVERVIEW, tile))
            .map(|tile| on_overview(tile, "is orange or red without a fault")),
    );

    let broken = faults::cause(&architecture);
    let (_, unseen) = settled(&preview, "broken", |drawn| {
        let tiles = faults::TILES.iter().chain([&faults::ALERTS]);
        let hidden = tiles.filter(|tile| !drawn.is_alarming(OVERVIEW, tile));
        drawn.errors().into_iter().chain(hidden.map(|tile| on_overview(tile, "shows no fault"))).collect()
    });
    wrong.extend(unseen);
    let primary = &architecture.nodes[architecture.primary().unwrap()].member;
    let pile_up = PileUp::start(&architecture, primary);
    wrong.extend(clicks::wrong(&preview, primary.name()));
    drop((preview, pile_up, broken, load));
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), told(&wrong));
}

/// Waits until all targets are up, with some rates, and nothing fires.
fn wait_until_healthy(architecture: &Architecture) {
    // A rate needs some scrapes, a graph some rates.
    let targets = architecture.targets().len();
    let healthy = format!("min(count_over_time(pg_up[10m])) >= 12 and count(up == 1) == {targets}");
    architecture.prometheus.wait_for(&healthy, LIMIT).unwrap();
    // The load of a machine that runs all of this, and statements that sleep, are no fault of a page.
    let firing = r#"ALERTS{alertstate="firing",severity=~"critical|warning",alertname!~"PostgresLoadHigh|PostgresLatencyBurns.*"}"#;
    if let Err(error) = architecture.prometheus.wait_for(&format!("absent({firing})"), LIMIT) {
        panic!("{error}\nfiring: {:?}", architecture.prometheus.query(firing));
    }
}

fn on_overview(tile: &str, what: &str) -> Fault {
    (OVERVIEW.to_owned(), format!("{tile} {what}"))
}

fn told(faults: &[Fault]) -> String {
    faults.iter().map(|(page, what)| format!("{page}: {what}\n")).collect()
}

/// Draws all pages, and those with faults again: on a busy machine a scrape may come late, and its series are not there.
fn settled(preview: &Preview<'_>, name: &str, faults: impl Fn(&Drawn) -> Vec<Fault>) -> (Drawn, Vec<Fault>) {
    let mut drawn = Drawn::of(preview.draw(name, &BTreeSet::new()));
    for _ in 0..AGAIN {
        let pages: BTreeSet<String> = faults(&drawn).into_iter().map(|(page, _)| page).collect();
        if pages.is_empty() {
            break;
        }
        drawn.replace(preview.draw(name, &pages));
    }
    let left = faults(&drawn);
    (drawn, left)
}
