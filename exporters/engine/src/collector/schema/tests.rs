use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;

use super::*;
use crate::collector::{CollectorFile, keys_page, no_sql_file, read_file};
use crate::tiers::Tiers;

/// Files whose errors the schema does not know: between several places, or of names that are put together.
const BEYOND_A_SCHEMA: &[&str] = &[
    "duplicate_column.yml",
    "duplicate_metric.yml",
    "empty_range.yml",
    "label_name.yml",
    "le_label.yml",
    "macros.yml",
    "metric_name.yml",
    "overlapping_columns.yml",
    "query_of.yml",
    "sample.yml",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn validator() -> Validator {
    jsonschema::validator_for(&serde_json::from_str(&json_schema().unwrap()).unwrap()).unwrap()
}

/// The collector files of a folder and what is below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| match path.extension().and_then(|ending| ending.to_str()) {
            _ if path.is_dir() => files(&path),
            Some("yml" | "yaml") => vec![path],
            _ => Vec::new(),
        })
        .collect();
    found.sort();
    found
}

/// What the schema has to say, as it is seen in an editor.
fn faults(validator: &Validator, yaml: &str) -> Result<Vec<String>, serde_saphyr::Error> {
    let value: Value = serde_saphyr::from_str(yaml)?;
    Ok(validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect())
}

#[test]
fn files_are_as_generated() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(read("collectors/collector.schema.json") == json_schema().unwrap(), "collector.schema.json: make bless");
    assert!(read("docs/reference/collector-keys.md") == keys_page(), "collector-keys.md: make bless");
}

#[test]
fn every_shipped_file_is_valid_and_names_the_schema() {
    let validator = validator();
    let shipped = files(&root().join("collectors"));
    assert!(shipped.len() > 90, "{}", shipped.len());
    for path in shipped {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(faults(&validator, &text).unwrap(), [""; 0], "{}", path.display());
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first, "# yaml-language-server: $schema=../collector.schema.json", "{}", path.display());
    }
}

/// The most lines of SQL in a collector file.
const MOST_SQL_LINES: usize = 15;

#[test]
fn long_sql_is_in_a_file_of_its_own() {
    let folder = root().join("collectors/pg");
    let mut named = vec!["grants.sql".to_owned()];
    for path in files(&folder) {
        let branches: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for (branch, body) in branches.as_object().unwrap() {
            named.extend(body["from_file"].as_str().map(str::to_owned));
            let columns = body["metrics"].as_array().unwrap().iter().filter_map(|column| column.as_object());
            let expressions = columns.flat_map(|column| column.values()).map(|column| &column["expr"]);
            let predicates =
                body["predicate_queries"].as_array().into_iter().flatten().map(|one| &one["predicate_query"]);
            for sql in [&body["query"], &body["from"]].into_iter().chain(expressions).chain(predicates) {
                let lines = sql.as_str().unwrap_or_default().trim().lines().count();
                assert!(lines <= MOST_SQL_LINES, "{branch}: {lines} lines of SQL: expected from_file");
            }
        }
    }
    named.sort();
    named.dedup();
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = entries.filter(|name| name.ends_with(".sql")).collect();
    found.sort();
    assert_eq!(found, named, "files of SQL, and what names them");
}

#[test]
fn schema_and_parser_agree_on_bad_files() {
    let validator = validator();
    let (mut agreed, mut beyond) = (0, Vec::new());
    for path in files(&root().join("tests/unit/collector_files/bad")) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let diagnostics = read_file("bad.yml", &text, &Tiers::default(), &no_sql_file).told;
        // What is bad only beside other files, and what is not YAML, is not for a schema.
        let Ok(faults) = faults(&validator, &text) else { continue };
        if diagnostics.errors.is_empty() {
            continue;
        }
        match faults.is_empty() {
            true => beyond.push(path.file_name().unwrap().to_string_lossy().into_owned()),
            false => agreed += 1,
        }
    }
    assert_eq!(beyond, BEYOND_A_SCHEMA, "files in which the schema finds nothing");
    assert!(agreed > 15, "{agreed}");
}

#[test]
fn takes_what_published_files_have() {
    let file = r#"
a:
  query: SELECT 1
  ttl: 1e1
  timeout: "0.5"
  min_version: 090600
  max_version: "9.7.1"
  fatal: yes
  skip: "false"
  tags:
  metrics:
    - n: { usage: Gauge, scale: "1e-3", default: 0 }
    - h: { usage: histogram, bucket: [1, "2"] }
"#;
    assert_eq!(faults(&validator(), file).unwrap(), [""; 0]);
    let CollectorFile { collectors, told: diagnostics, .. } =
        read_file("good.yml", file, &Tiers::default(), &no_sql_file);
    assert_eq!((collectors.len(), diagnostics.errors.len()), (1, 0), "{:?}", diagnostics.errors);
}
