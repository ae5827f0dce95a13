//! A check for the target in `fuzz/`: any output of pgBackRest goes through the filters of the embedded collectors.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jaq_json::Val;
use jq::json::object;
use jq::{Filter, FilterError};

use crate::backups::{BackupSelection, PreparedDocument, prepare};
use crate::document::find;
use crate::language::{LANGUAGE, Variables};

/// Collectors that read what is prepared of a document, and one filter that takes every member of it.
const COLLECTORS: [&str; 5] = [
    include_str!("../../../collectors/pgbackrest/pgbackrest_backup.yml"),
    include_str!("../../../collectors/pgbackrest/pgbackrest_repo.yml"),
    include_str!("../../../collectors/pgbackrest/pgbackrest_stanza.yml"),
    include_str!("../../../collectors/pgbackrest/pgbackrest_wal_archive.yml"),
    "all: { query: '.[] | to_entries[] | {key, value: (.value | tojson)}' }",
];

/// Each filter ends with rows, or an error of its own that is about the document.
pub(crate) fn pgbackrest_info(input: &[u8]) {
    let output = String::from_utf8_lossy(input);
    let Ok(found) = find(&output) else { return };
    let selection = BackupSelection { excluded_stanzas: vec![], excluded_types: vec![], limit: 3, document_limit: 100 };
    let Ok(prepared) = prepare(&found.json, &selection, &BTreeMap::new()) else { return };
    for filter in filters() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let table = filter.table(prepared.stanzas.iter().cloned().collect(), variables(&prepared).into(), deadline);
        match table {
            Ok(table) if table.columns.is_empty() => assert!(table.cells.is_empty()),
            Ok(table) => assert!(table.cells.len().is_multiple_of(table.columns.len())),
            Err(error @ (FilterError::Late | FilterError::TooMany)) => panic!("{error}"),
            Err(_) => {}
        }
    }
}

fn filters() -> &'static [Filter] {
    static FILTERS: OnceLock<Vec<Filter>> = OnceLock::new();
    FILTERS.get_or_init(|| COLLECTORS.into_iter().flat_map(queries).map(|text| compiled(&text)).collect())
}

/// The filters of a collector file.
fn queries(yaml: &str) -> Vec<String> {
    type File = BTreeMap<String, BTreeMap<String, serde_json::Value>>;
    let file: File = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}"));
    let queries = file.values().filter_map(|collector| collector.get("query")?.as_str());
    queries.map(str::to_owned).collect()
}

fn compiled(text: &str) -> Filter {
    Filter::compile(text, &LANGUAGE).unwrap_or_else(|error| panic!("{error}"))
}

fn variables(prepared: &PreparedDocument) -> Variables {
    let list = |values: &[Val]| values.iter().cloned().collect();
    [
        Val::from(1_764_000_000.5),
        Val::Null,
        object([("reference_count", Val::Bool(true)), ("verbose_wal", Val::Bool(true))]),
        prepared.newest.iter().chain(&prepared.others).cloned().collect(),
        list(&prepared.newest),
        list(&prepared.last),
        list(&prepared.repo_last),
        list(&prepared.clusters),
        Val::obj(prepared.index.iter().cloned().collect()),
        Val::Null,
        Val::Null,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_pgbackrest() {
        replay::replay("pgbackrest_info", 300, pgbackrest_info);
    }
}
