//! The ratios that must be reached.

use std::time::Duration;

use super::program::{ACTIVE, OURS, PEER, SAME_YAML, WIDE};
use super::replay::Manner;
use super::results::Results;
use super::subject::Figures;
use super::table::{Table, number};
use crate::meter::ms;

/// A figure of a row.
type Of = fn(&Figures) -> f64;

/// Prints what of the goals can be told of these figures.
pub fn print(results: &Results) {
    let mut table = Table::new("goal | ours | other | ratio | at most | reached");
    for (name, set) in [(SAME_YAML, "same YAML"), (OURS, "our collectors")] {
        against_peer(&mut table, results, name, set);
    }
    let one_by_one = Manner::OneByOne.name();
    let steady = "steady, gzip";
    for (what, ours, other, of, most) in [
        ("server CPU steady, all databases active ÷ peer", (ACTIVE, steady), (PEER, steady), SERVER, 0.5),
        ("cold wall ÷ bare limit, 12 connections", (WIDE, "cold, identity"), (Manner::Bare.name(), "cold"), WALL, 1.3),
        ("cold wall ÷ one by one, default", (OURS, "cold, identity"), (one_by_one, "cold"), WALL, f64::INFINITY),
        (
            "server CPU cold ÷ one by one, default",
            (OURS, "cold, identity"),
            (one_by_one, "cold"),
            SERVER,
            f64::INFINITY,
        ),
        ("server CPU steady ÷ one by one", (OURS, steady), (one_by_one, steady), SERVER, f64::INFINITY),
        ("server CPU steady, active ÷ one by one", (ACTIVE, steady), (one_by_one, steady), SERVER, f64::INFINITY),
    ] {
        ratio(&mut table, what, results.get(ours.0, ours.1), results.get(other.0, other.1), of, most);
    }
    for (what, kind, of, most) in [
        ("RSS peak, identity, MiB", "cold, identity", PEAK, 30.0),
        ("RSS peak, gzip, MiB", "cold, gzip", PEAK, 35.0),
        ("RSS before the first scrape, MiB", "cold, identity", IDLE, 10.0),
    ] {
        if let Some(figures) = results.get(OURS, kind) {
            let value = of(figures);
            table.row([what.into(), number(value), String::new(), String::new(), number(most), reached(value, most)]);
        }
    }
    table.print("Goals");
}

fn against_peer(table: &mut Table, results: &Results, name: &str, set: &str) {
    let (cold_cpu, is_ours) = (if name == OURS { 0.6 } else { 0.7 }, name == OURS);
    for (what, kind, of, most) in [
        ("server CPU, steady 15 s", "steady, gzip", SERVER, 0.5),
        ("server CPU, cold", "cold, identity", SERVER, cold_cpu),
        ("wall, cold, identity", "cold, identity", WALL, 0.25),
        ("wall, cold, gzip", "cold, gzip", WALL, 0.25),
        ("exporter CPU, cold, identity", "cold, identity", OWN, 0.06),
        ("exporter CPU, cold, gzip", "cold, gzip", OWN, 0.10),
        ("wall, warm, identity", "warm, identity", WALL, 0.02),
        ("wall, warm, gzip", "warm, gzip", WALL, 0.02),
        ("exporter CPU, warm, identity", "warm, identity", OWN, 0.01),
        ("exporter CPU, warm, gzip", "warm, gzip", OWN, 0.01),
        ("RSS peak", "cold, identity", PEAK, f64::INFINITY),
    ] {
        ratio(table, &format!("{what}: {set} ÷ peer"), results.get(name, kind), results.get(PEER, kind), of, most);
        if is_ours {
            let wide = format!("{what}: 13 connections ÷ peer");
            ratio(table, &wide, results.get(WIDE, kind), results.get(PEER, kind), of, most);
        }
    }
}

fn ratio(table: &mut Table, what: &str, ours: Option<&Figures>, other: Option<&Figures>, of: Of, most: f64) {
    let Some((ours, other)) = ours.zip(other) else { return };
    let (ours, other) = (of(ours), of(other));
    let ratio = ours / other;
    let limit = if most.is_finite() { number(most) } else { String::new() };
    table.row([what.into(), number(ours), number(other), format!("{ratio:.3}"), limit, reached(ratio, most)]);
}

fn reached(value: f64, most: f64) -> String {
    let word = if most.is_infinite() {
        ""
    } else if value <= most {
        "yes"
    } else {
        "no"
    };
    word.to_owned()
}

const WALL: Of = |figures| ms(figures.median());
const SERVER: Of = |figures| ms(figures.server);
const OWN: Of = |figures| ms(figures.own.unwrap_or(Duration::ZERO));
const PEAK: Of = |figures| figures.peak;
const IDLE: Of = |figures| figures.idle;
