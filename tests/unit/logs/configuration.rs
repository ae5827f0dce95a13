//! The files fit together and every program compiles.

use std::collections::BTreeSet;

use support::vector::{compile, components, configuration, inputs, program_text};
use vrl::value::Kind;
use vrl::value::kind::Collection;

#[test]
fn remap_programs_cannot_drop_events() {
    let configuration = configuration("vector.yaml");
    // As Vector sees events without its schemas, and with them.
    let from_a_file = ["message", "file", "host", "source_type"].map(|field| (field.into(), Kind::bytes()));
    let from_a_file = Kind::object(Collection::from_parts(from_a_file.into(), Kind::any()));
    for (name, transform) in components(&configuration, "transforms") {
        assert_eq!(transform["type"], "remap", "{name}");
        compile(name, &program_text(transform), Kind::any_object());
        compile(name, &program_text(transform), from_a_file.clone());
    }
}

#[test]
fn every_component_has_a_consumer() {
    let own = configuration("vector.yaml");
    let stores = ["victorialogs.yaml", "loki.yaml"].map(configuration);
    let names = |kind| components(&own, kind).into_iter().map(|(name, _)| name);
    let givers: BTreeSet<&str> = names("sources").chain(names("transforms")).collect();
    for store in &stores {
        let takers = components(&own, "transforms").into_iter().chain(components(&own, "sinks"));
        let taken: BTreeSet<&str> =
            takers.chain(components(store, "sinks")).flat_map(|(_, settings)| inputs(settings)).collect();
        assert_eq!(givers, taken);
    }
}

/// Vector tells its files apart by their first lines: those of pgBackRest begin alike.
#[test]
fn files_are_fingerprinted_by_distinct_content() {
    let configuration = configuration("vector.yaml");
    assert_eq!(configuration["sources"]["pgbackrest"]["fingerprint"]["lines"], 2);
}

/// Where Prometheus looks for Vector.
#[test]
fn vectors_own_metrics_match_the_scrape_example() {
    let configuration = configuration("vector.yaml");
    let address = configuration["sinks"]["metrics"]["address"].as_str().unwrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let targets = support::vector::shipped("../alerts/scrape/targets/vector.yml");
    let targets = std::fs::read_to_string(targets).unwrap();
    assert!(targets.contains(&format!(":{port}\"")), "{targets}");
}
