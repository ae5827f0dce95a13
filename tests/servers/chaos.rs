//! Faults that `make chaos` causes and no other test does: the quick ones.

use lab::chaos::{Fault, Measured, Place, Sources, each, faults};
use support::{binary, path};

/// Causes the faults of a place on one server.
fn hold(place: Place) {
    let sources = Sources { exporter: binary().to_owned(), collectors: path("collectors/pg") };
    let wanted = |fault: &&Fault| fault.in_tests && fault.place == place;
    let (mut all, mut failed) = (0, Vec::new());
    let seen = |measured: Measured| {
        println!("{measured}");
        all += 1;
        failed.extend((!measured.failures.is_empty()).then(|| measured.to_string()));
    };
    each(faults().filter(wanted), &sources, seen).unwrap();
    assert!(all > 0 && failed.is_empty(), "{} of {all} faults failed\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn quick_faults_are_answered_within_the_budget_and_healed() {
    hold(Place::Direct);
}

#[test]
fn lost_connections_are_answered_within_the_budget_and_healed() {
    hold(Place::Proxied);
}
