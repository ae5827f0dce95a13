//! All collectors of one exporter: loaded from files, checked against each other.

mod check;
mod origin;
mod shared_query;
mod sql_texts;

use std::path::Path;
use std::sync::Arc;

use self::check::{check_branches, check_lookups, own_families, query_diagnostics};
use self::origin::{read_texts, sql_file, whole};
use self::shared_query::share_queries;
use self::sql_texts::SqlTextCache;
use crate::collector::{Collector, Diagnostic, Family, read_file};
use crate::facts::Version;
use crate::tiers::Tiers;

pub use check::CheckQuery;
pub use origin::EmbeddedFolder;
pub(crate) use origin::Origin;
pub(crate) use sql_texts::{SqlTexts, text_hash};

/// Everything that is wrong with a set of collector files.
#[derive(Debug, thiserror::Error)]
#[error("{}", list(diagnostics))]
pub(crate) struct LoadError {
    pub diagnostics: Vec<Diagnostic>,
}

/// Sorted by position; what several branches share through an alias is reported once.
fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
    diagnostics.dedup();
    diagnostics
}

fn list(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
}

/// Validated collectors, and the metric families that they own together.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub origin: String,
    /// In the order of files and branches, lower priority first.
    pub collectors: Vec<Collector>,
    /// Sorted by name.
    pub families: Vec<Family>,
    /// For each collector and each of its columns: its families, as indexes into `families`.
    pub column_families: Vec<Vec<Vec<usize>>>,
    pub warnings: Vec<Diagnostic>,
    /// Files without any text.
    empty_files: Vec<String>,
    sql_texts: SqlTextCache,
}

impl Catalog {
    /// The files that are empty now and had collectors in `before`: emptied by accident, or read during a write. To
    /// remove a collector, remove its file or its branch.
    pub fn emptied_since(&self, before: &Self) -> Option<LoadError> {
        let held = |file: &&String| before.collectors.iter().any(|collector| *collector.file == ***file);
        let emptied = self.empty_files.iter().filter(held);
        let message = "the file is empty and had collectors before: restore or remove it";
        let diagnostics: Vec<Diagnostic> = emptied.map(|file| whole(Path::new(file), message)).collect();
        (!diagnostics.is_empty()).then_some(LoadError { diagnostics })
    }

    /// The collector of that branch.
    pub fn index_of(&self, key: &str) -> Option<usize> {
        self.collectors.iter().position(|collector| *collector.key == *key)
    }

    /// What the collector at this index asks of servers, or of an extension, of that version.
    pub fn sql_texts(&self, index: usize, version: Version) -> Arc<SqlTexts> {
        self.sql_texts.of(index, &self.collectors[index], version)
    }

    /// As [`Catalog::load_checked`], without a check of the queries.
    #[cfg(test)]
    pub fn load(origin: &Origin, tiers: &Tiers, reserved: &[String]) -> Result<Self, LoadError> {
        Self::load_checked(origin, tiers, reserved, None)
    }

    /// Reads all files of `origin`; `reserved` are metric names that the exporter itself owns.
    ///
    /// # Errors
    /// Every diagnostic of every file.
    pub fn load_checked(
        origin: &Origin,
        tiers: &Tiers,
        reserved: &[String],
        check_query: Option<CheckQuery>,
    ) -> Result<Self, LoadError> {
        let (files, mut diagnostics) = read_texts(origin);
        let mut collectors = Vec::new();
        let mut warnings = Vec::new();
        let is_empty = |(_, text): &&(String, String)| text.trim().is_empty();
        let empty_files: Vec<String> = files.iter().filter(is_empty).map(|(name, _)| name.clone()).collect();
        warnings.extend(empty_files.iter().map(|file| whole(Path::new(file), "the file is empty")));
        for (name, text) in &files {
            let (found, told) = read_file(name, text, tiers, &|path| sql_file(origin, path));
            collectors.extend(found);
            diagnostics.extend(told.errors);
            warnings.extend(told.warnings);
        }
        collectors.sort_by_key(|collector: &Collector| collector.priority);
        share_queries(&mut collectors, &mut diagnostics);
        check_branches(&collectors, &mut diagnostics);
        check_lookups(&collectors, &mut diagnostics);
        if let Some(check) = check_query {
            diagnostics.extend(collectors.iter().flat_map(|collector| query_diagnostics(collector, check)));
        }
        let families = own_families(&collectors, reserved, &mut diagnostics);
        if !diagnostics.is_empty() {
            for diagnostic in &mut diagnostics {
                if let Some((_, text)) = files.iter().find(|(name, _)| **name == *diagnostic.file) {
                    diagnostic.show_line(text);
                }
            }
            return Err(LoadError { diagnostics: in_order(diagnostics) });
        }
        let place_of = |name: &str| families.binary_search_by(|family| family.name.as_str().cmp(name)).ok();
        let column_families = collectors
            .iter()
            .map(|collector| {
                let of =
                    |column| collector.families_of(column).iter().filter_map(|family| place_of(&family.name)).collect();
                collector.columns.iter().map(of).collect()
            })
            .collect();
        let warnings = in_order(warnings);
        Ok(Self {
            origin: origin.to_string(),
            collectors,
            families,
            column_families,
            warnings,
            empty_files,
            sql_texts: SqlTextCache::default(),
        })
    }
}
