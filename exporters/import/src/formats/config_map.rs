//! Queries of CloudNativePG: in a ConfigMap or Secret, or by themselves.

use engine::YamlNode;

use super::queries::{self, Dialect};
use crate::collector::CollectorDraft;
use crate::error::ImportError;
use crate::fields::Entries;
use crate::report::ImportReport;

/// The collectors of all values of a ConfigMap, or of a map of queries.
///
/// # Errors
/// If it is neither, or a value is not YAML.
pub(crate) fn read(place: &str, root: &YamlNode) -> Result<(Vec<CollectorDraft>, ImportReport), ImportError> {
    let manifest =
        Entries::of(root).filter(|fields| fields.text("kind").is_some() && fields.get("apiVersion").is_some());
    let Some(manifest) = manifest else { return queries::read(Dialect::CloudNativePg, place, root) };
    let key = match manifest.text("kind") {
        Some("ConfigMap") => "data",
        Some("Secret") => "stringData",
        _ => "",
    };
    let expected = "a ConfigMap with data, a Secret with stringData, or a map of queries";
    let data = manifest.map(key).ok_or(ImportError::Format { place: place.to_owned(), expected })?;
    let (mut collectors, mut report) = (Vec::new(), ImportReport::new(place));
    for (name, _, value) in data.entries() {
        let place = format!("{place}, {key}.{name}");
        let (root, _) = engine::parse_yaml(value.scalar().unwrap_or_default()).map_err(|(at, error)| {
            ImportError::Yaml { place: place.clone(), line: at.line, column: at.column, error }
        })?;
        match queries::read(Dialect::CloudNativePg, &place, &root) {
            Ok((found, part)) => {
                collectors.extend(found);
                report.add(part);
            }
            Err(_) => report.lost(value.position, format!("{key}.{name}: expected a map of queries")),
        }
    }
    Ok((collectors, report))
}
