//! The catalogue: what an exporter's command `metrics` says that its collectors can give.

use std::path::Path;
use std::process::Command;

use super::binary;

/// A metric as it is listed.
pub struct Listed {
    pub name: String,
    pub kind: String,
    pub labels: Vec<String>,
    pub collector: String,
    pub tags: Vec<String>,
    pub off: bool,
    versions: String,
}

/// The minor version of pg_stat_statements 1 that PostgreSQL 14 and its successors bring.
const STATEMENTS: [u32; 6] = [9, 10, 10, 11, 12, 13];

impl Listed {
    /// Whether it is there in this major version, with its extension as that version brings it.
    pub fn is_in(&self, major: u32) -> bool {
        let (range, extension) = self.versions.split_once(" of ").unwrap_or((&self.versions, ""));
        let version = match extension {
            "" => [major, 0, 0],
            "pg_stat_statements" => [1, STATEMENTS[major as usize - 14], 0],
            other => panic!("which version of {other} has {major}?"),
        };
        covers(range, version)
    }

    /// Whether it is there in this version, of a program without extensions.
    pub fn is_in_version(&self, version: [u32; 3]) -> bool {
        covers(&self.versions, version)
    }
}

/// Whether a range as the list tells it has the version inside.
fn covers(range: &str, version: [u32; 3]) -> bool {
    let read = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse().unwrap());
        [parts.next().unwrap(), parts.next().unwrap_or(0), parts.next().unwrap_or(0)]
    };
    let (min, max) = match range {
        "all versions" => (None, None),
        text => match (text.strip_suffix(" and later"), text.strip_prefix("before ")) {
            (Some(min), _) => (Some(min), None),
            (_, Some(max)) => (None, Some(max)),
            _ => text.split_once(" to before ").map(|(min, max)| (Some(min), Some(max))).unwrap(),
        },
    };
    min.is_none_or(|min| read(min) <= version) && max.is_none_or(|max| version < read(max))
}

/// All metrics of the collectors inside pg-exporter.
pub fn catalogue() -> Vec<Listed> {
    catalogue_of(binary(), &[])
}

/// Those of an exporter with more arguments, as of another folder inside the program.
pub fn catalogue_of(program: &Path, arguments: &[&str]) -> Vec<Listed> {
    let output = Command::new(program).args(["metrics", "--format", "json"]).args(arguments).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |metric: &serde_json::Value, key: &str| metric[key].as_str().unwrap().to_owned();
    let texts = |metric: &serde_json::Value, key: &str| {
        metric[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let read = |metric| Listed {
        name: text(metric, "name"),
        kind: text(metric, "type"),
        labels: texts(metric, "labels"),
        collector: text(metric, "collector"),
        tags: texts(metric, "tags"),
        off: metric["off"].as_bool().unwrap(),
        versions: text(metric, "versions"),
    };
    listed.as_array().unwrap().iter().map(read).collect()
}
