//! A dashboard as it is checked in.

use std::path::Path;

use serde_json::Value;

pub struct Dashboard {
    pub stem: String,
    pub json: Value,
}

impl Dashboard {
    /// All that are checked in, by name.
    pub fn all(root: &Path) -> Vec<Dashboard> {
        let files = std::fs::read_dir(root.join("dashboards")).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<Dashboard> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| Dashboard {
                stem: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                json: serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap(),
            })
            .collect();
        all.sort_by(|one, other| one.stem.cmp(&other.stem));
        all
    }

    /// Panels at the top and those inside rows, without the rows themselves.
    pub fn panels(&self) -> Vec<&Value> {
        let (rows, mut panels): (Vec<&Value>, Vec<&Value>) =
            list(&self.json["panels"]).iter().partition(|panel| panel["type"] == "row");
        panels.extend(rows.iter().flat_map(|row| list(&row["panels"])));
        panels
    }

    /// Rows and panels.
    pub fn all_panels(&self) -> Vec<&Value> {
        let rows = list(&self.json["panels"]).iter().filter(|panel| panel["type"] == "row");
        rows.chain(self.panels()).collect()
    }

    pub fn variables(&self) -> Vec<&str> {
        list(&self.json["templating"]["list"]).iter().map(|variable| text(&variable["name"])).collect()
    }

    /// Every text in the document.
    pub fn texts(&self) -> Vec<&str> {
        fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::String(text) => found.push(text),
                Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
                Value::Object(values) => values.values().for_each(|value| collect(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        collect(&self.json, &mut found);
        found
    }
}

/// The elements of an array; none if it is absent.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What stands between each `before` and the next character that is no part of a name.
pub fn names_after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let name = |rest: &'a str| {
        let end = rest.find(|character: char| !character.is_alphanumeric() && !"_-".contains(character));
        &rest[..end.unwrap_or(rest.len())]
    };
    text.split(before).skip(1).map(name).collect()
}
