//! The dashboards with a site's labels, uids and tags.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::MixinError;
use crate::rename::Renames;
use crate::site::Site;

/// The shipped dashboards: the stem of the file's name, which is the uid, and its text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/dashboards.rs"));

/// The dashboards by the stem of their file name, which is their uid.
///
/// # Errors
/// A dashboard of ours is not JSON.
pub fn dashboards(site: &Site) -> Result<BTreeMap<String, String>, MixinError> {
    let changes = Changes { renames: Renames::new(&site.labels), prefix: &site.dashboards.uid_prefix };
    FILES.iter().map(|(stem, text)| changes.dashboard(stem, text, site)).collect()
}

struct Changes<'a> {
    renames: Renames,
    prefix: &'a str,
}

impl Changes<'_> {
    fn dashboard(&self, stem: &str, text: &str, site: &Site) -> Result<(String, String), MixinError> {
        if *site == (Site { alerts: site.alerts.clone(), ..Site::default() }) {
            return Ok((stem.to_owned(), text.to_owned()));
        }
        let fault =
            |error: serde_json::Error| MixinError::Source { name: format!("{stem}.json"), error: error.to_string() };
        let mut page: Value = serde_json::from_str(text).map_err(fault)?;
        self.apply(&mut page);
        if let Some(tags) = page["tags"].as_array_mut() {
            tags.extend(site.dashboards.tags.iter().cloned().map(Value::from));
        }
        let text = serde_json::to_string_pretty(&page).map_err(fault)?;
        Ok((format!("{}{stem}", self.prefix), text + "\n"))
    }

    fn apply(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.apply(value)),
            Value::Object(fields) => {
                // Field names are label names where a table's columns are renamed or ordered.
                let renamed = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                    self.apply(&mut value);
                    (self.renames.apply(&name), value)
                });
                *fields = renamed.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str) -> String {
        if FILES.iter().any(|(stem, _)| *stem == text) {
            return format!("{}{text}", self.prefix);
        }
        let mut renamed = self.renames.apply(text);
        if !self.prefix.is_empty() {
            for (stem, _) in FILES {
                renamed = renamed.replace(&format!("/d/{stem}"), &format!("/d/{}{stem}", self.prefix));
            }
        }
        renamed
    }
}
