//! Labels that every sample carries, as `--label` gives them.

use std::sync::Arc;

use crate::names::is_label_name;

/// Labels in the order given.
pub type Labels = Arc<[(String, String)]>;

/// Reads `name=value,…`.
///
/// # Errors
/// A part that is no label, or a name that is there twice.
pub(crate) fn parse_labels(text: &str) -> Result<Labels, String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no label: expected name=value"))?;
        let (name, value) = (name.trim(), value.trim());
        // To Prometheus an empty label is none.
        if value.is_empty() {
            continue;
        }
        if !is_label_name(name) || name == "le" {
            return Err(format!(
                "{name:?} cannot name a label: expected letters, digits and _, not a digit or __ first"
            ));
        }
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("label {name} is there twice"));
        }
        labels.push((name.into(), value.into()));
    }
    Ok(labels.into())
}
