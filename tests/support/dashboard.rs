//! A dashboard as it is checked in.

use serde_json::Value;

use super::path;

/// A dashboard and its name.
pub struct Dashboard {
    pub stem: String,
    pub json: Value,
}

impl Dashboard {
    /// All that are checked in, by name.
    pub fn all() -> Vec<Dashboard> {
        let files = std::fs::read_dir(path("dashboards")).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<Dashboard> = files
            .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
            .map(|file| Dashboard {
                stem: file.file_stem().unwrap().to_str().unwrap().to_owned(),
                json: serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap(),
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

    /// Names of its variables.
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

/// A text; empty if it is absent.
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

/// Fails with all faults at once.
pub fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Looks at every panel of every page.
pub fn each_panel(mut look: impl FnMut(&Dashboard, &Value) -> Vec<String>) {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
        for panel in dashboard.panels() {
            let found = look(&dashboard, panel);
            faults.extend(found.iter().map(|fault| format!("{}: {}: {fault}", dashboard.stem, text(&panel["title"]))));
        }
    }
    assert_none(faults);
}

/// What a query may be without: the log store is asked in its own language.
pub fn is_promql(target: &Value) -> bool {
    target["datasource"]["type"] == "prometheus"
}
