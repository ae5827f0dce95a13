//! Labels that every sample carries, as `--label` gives them.

use std::sync::Arc;

use crate::names::is_label_name;

/// Labels in the order given.
pub type Labels = Arc<[(String, String)]>;

/// Reads `name=value,…`.
///
/// # Errors
/// A part that is not a label, or a name that is given twice.
pub(crate) fn parse_labels(text: &str) -> Result<Labels, String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) =
            part.split_once('=').ok_or_else(|| format!("\"{part}\" is not a label: expected name=value"))?;
        let (name, value) = (name.trim(), value.trim());
        // Prometheus treats an empty label as absent.
        if value.is_empty() {
            continue;
        }
        if !is_label_name(name) || name == "le" {
            return Err(format!(
                "\"{name}\" is not a label name: expected letters, digits and _, not starting with a digit or __"
            ));
        }
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("label {name} is given twice"));
        }
        labels.push((name.into(), value.into()));
    }
    Ok(labels.into())
}
