//! The command `doctor`: its report, which has to be what its schema says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// The report on one server.
pub struct Doctor {
    pub code: Option<i32>,
    pub server: Value,
}

/// What to paste: where, into which database if that matters, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub place: String,
    pub database: Option<String>,
    pub text: String,
}

/// Runs `doctor` of a program to its end.
pub fn run(program: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", "/nonexistent").envs(environment.iter().copied());
    command.arg("doctor").args(args).stdin(Stdio::null()).output().unwrap()
}

/// The names of a program's rules.
pub fn rules(program: &Path) -> BTreeSet<String> {
    let output = run(program, &["--list"], &[]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect()
}

impl Doctor {
    /// The report of a program as JSON.
    pub fn run(program: &Path, args: &[&str], environment: &[(&str, &str)]) -> Doctor {
        static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
            let text = std::fs::read_to_string(crate::path("docs/reference/doctor.schema.json")).unwrap();
            jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
        });
        let output = run(program, &[&["--json"], args].concat(), environment);
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let errors: Vec<String> =
            SCHEMA.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        Doctor { code: output.status.code(), server: report["servers"][0].clone() }
    }

    /// The names of what was found.
    pub fn found(&self) -> Vec<&str> {
        self.findings().map(|finding| finding["name"].as_str().unwrap()).collect()
    }

    /// The names of rules that could not be examined.
    pub fn unread(&self) -> Vec<&str> {
        self.server["unread"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
    }

    /// The names of critical findings.
    pub fn critical(&self) -> Vec<&str> {
        let critical = self.findings().filter(|finding| finding["severity"] == "critical");
        critical.map(|finding| finding["name"].as_str().unwrap()).collect()
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.server["findings"].as_array().unwrap().iter()
    }

    /// What was found by that name.
    pub fn finding(&self, name: &str) -> &Value {
        self.findings()
            .find(|finding| finding["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {:#}", self.server))
    }

    /// The fixes of a finding, each once.
    pub fn fixes(&self, name: &str) -> Vec<Fix> {
        let finding = self.finding(name);
        let mut fixes: Vec<Fix> = Vec::new();
        for object in finding["objects"].as_array().unwrap() {
            let fix = Fix {
                place: finding["fix_in"].as_str().unwrap().to_owned(),
                database: object["database"].as_str().map(str::to_owned),
                text: object["fix"].as_str().unwrap_or_else(|| panic!("no fix: {finding:#}")).to_owned(),
            };
            if !fixes.contains(&fix) {
                fixes.push(fix);
            }
        }
        fixes
    }
}
