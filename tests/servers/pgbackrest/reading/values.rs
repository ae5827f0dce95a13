//! Values of the JSON, as numbers, texts and labels.

use std::collections::BTreeMap;

use serde_json::Value;

/// Labels out of names and values.
pub fn labels<const N: usize>(labels: [(&str, String); N]) -> BTreeMap<String, String> {
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub fn number(value: &Value) -> Option<f64> {
    value.as_bool().map(f64::from).or(value.as_f64())
}

pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub fn list<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    value[name].as_array().into_iter().flatten().collect()
}

pub fn lsn(text: &str) -> f64 {
    let (high, low) = text.split_once('/').unwrap();
    (u64::from_str_radix(high, 16).unwrap() * (1 << 32) + u64::from_str_radix(low, 16).unwrap()) as f64
}

/// Where a segment of 16 MiB begins.
pub fn segment(name: &str) -> f64 {
    let part = |range: std::ops::Range<usize>| u64::from_str_radix(&name[range], 16).unwrap();
    (part(8..16) * (1 << 32) + part(16..24) * (1 << 24)) as f64
}

pub const SEGMENT: f64 = (1 << 24) as f64;

pub fn stop(backup: &Value) -> f64 {
    number(&backup["timestamp"]["stop"]).unwrap()
}

pub fn seconds(backup: &Value) -> f64 {
    stop(backup) - number(&backup["timestamp"]["start"]).unwrap()
}

pub fn block_incr(backup: &Value) -> String {
    let repository = &backup["info"]["repository"];
    let both = !repository["size-map"].is_null() && !repository["delta-map"].is_null();
    if both { "y" } else { "n" }.to_owned()
}

pub fn with(mut labels: BTreeMap<String, String>, more: &[(&str, String)]) -> BTreeMap<String, String> {
    labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    labels
}

/// Unix seconds as text in UTC, by the system's own `date`.
pub fn utc(seconds: i64) -> String {
    let at = format!("--date=@{seconds}");
    let output = std::process::Command::new("date").args(["--utc", &at, "+%Y-%m-%d %H:%M:%S"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
