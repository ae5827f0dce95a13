//! The rules of `alerts`, as values.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::path;

/// One alert or recording rule.
pub struct Rule {
    pub file: String,
    pub alert: Option<String>,
    pub record: Option<String>,
    pub expression: String,
    pub hold: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

impl Rule {
    /// Of the alert or the recorded metric.
    pub fn name(&self) -> &str {
        self.alert.as_deref().or(self.record.as_deref()).unwrap()
    }
}

/// The rule files, by name; nothing else lies in their folder.
pub fn rule_files() -> Vec<PathBuf> {
    let files = fs::read_dir(path("alerts")).unwrap().map(|entry| entry.unwrap().path());
    let is_rules = |file: &PathBuf| file.extension().is_some_and(|end| end == "yml");
    let mut files: Vec<_> = files.filter(is_rules).collect();
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

/// The rule files for Pigsty's dashboards, which are loaded beside the others.
pub fn pigsty_rule_files() -> Vec<PathBuf> {
    ["rules-pigsty.yml", "rules-pigsty-node.yml"].map(|name| path("alerts/pigsty").join(name)).to_vec()
}

fn yaml(file: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// All rules of all files.
pub fn rules() -> Vec<Rule> {
    rules_of(&rule_files())
}

/// All rules of some files.
pub fn rules_of(files: &[PathBuf]) -> Vec<Rule> {
    let text = |rule: &Value, key: &str| rule[key].as_str().map(str::to_owned);
    let texts = |rule: &Value, key: &str| {
        let pairs = rule[key].as_object().into_iter().flatten();
        pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let mut rules = Vec::new();
    for file in files {
        for rule in yaml(file)["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap())
        {
            rules.push(Rule {
                file: file.file_stem().unwrap().to_str().unwrap().to_owned(),
                alert: text(rule, "alert"),
                record: text(rule, "record"),
                expression: text(rule, "expr").unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
                hold: text(rule, "for").unwrap_or_else(|| "0s".to_owned()),
                labels: texts(rule, "labels"),
                annotations: texts(rule, "annotations"),
            });
        }
    }
    rules
}
