//! All collectors of one exporter: loaded from files, checked against each other.

mod check;
mod families;
mod layers;
mod origin;
mod shared_query;
mod sql_texts;

use std::path::Path;
use std::sync::Arc;

use self::check::{check_branches, check_lookups, query_diagnostics};
use self::families::{leave_out_reserved, own_families};
use self::layers::Layers;
use self::origin::whole;
use self::shared_query::share_queries;
use self::sql_texts::SqlTextCache;
use crate::collector::{Collector, Diagnostic, Family, Tolerable};
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

/// How collector files are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadRules {
    /// Whether a fault that cannot go wrong on a server is an error. It always is in embedded files.
    pub strict: bool,
    /// Names of metrics that the exporter itself owns.
    pub reserved: Vec<String>,
    /// The source's own check of queries.
    pub check_query: Option<CheckQuery>,
    /// The check of queries on a REST interface.
    pub check_rest: Option<CheckQuery>,
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
    /// Sorted by name. Of several with one name, which have different types, the one of the first collector is first.
    pub families: Vec<Family>,
    /// For each collector and each of its columns: its families, as indexes into `families`.
    pub column_families: Vec<Vec<Vec<usize>>>,
    pub warnings: Vec<Diagnostic>,
    /// Collectors of earlier origins and files that later ones replace or change, a sentence each.
    replaced: Vec<String>,
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

    /// Logs what is left out and what is replaced, one line each.
    pub fn log_warnings(&self) {
        for replaced in &self.replaced {
            tracing::info!("{replaced}");
        }
        for warning in &self.warnings {
            tracing::warn!("{}", warning.to_string().lines().next().unwrap_or_default());
        }
    }

    /// The collector of that branch.
    pub fn index_of(&self, key: &str) -> Option<usize> {
        self.collectors.iter().position(|collector| *collector.key == *key)
    }

    /// What the collector at this index asks of servers, or of an extension, of that version.
    pub fn sql_texts(&self, index: usize, version: Version) -> Arc<SqlTexts> {
        self.sql_texts.of(index, &self.collectors[index], version)
    }

    /// Finds the families again, after a test has changed a collector.
    #[cfg(test)]
    pub fn own_families_of_test(&mut self) {
        self.families = own_families(&self.collectors, &mut Vec::new());
        self.column_families = families::of_columns(&self.collectors, &self.families);
    }

    /// As [`Catalog::load_checked`], without a check of the queries.
    #[cfg(test)]
    pub fn load(origin: &Origin, tiers: &Tiers, reserved: &[String]) -> Result<Self, LoadError> {
        let rules = LoadRules { reserved: reserved.to_vec(), ..LoadRules::default() };
        Self::load_checked(std::slice::from_ref(origin), tiers, &rules)
    }

    /// Reads all files of the origins. A later origin replaces collectors of earlier ones.
    ///
    /// # Errors
    /// Every diagnostic of every file.
    pub fn load_checked(origins: &[Origin], tiers: &Tiers, rules: &LoadRules) -> Result<Self, LoadError> {
        let Layers { mut collectors, files, mut errors, mut tolerable, mut warnings, replaced } =
            Layers::read(origins, tiers);
        let is_empty = |(_, text): &&(String, String)| text.trim().is_empty();
        let empty_files: Vec<String> = files.iter().filter(is_empty).map(|(name, _)| name.clone()).collect();
        warnings.extend(empty_files.iter().map(|name| whole(Path::new(name), "the file is empty")));
        collectors.sort_by_key(|collector: &Collector| collector.priority);
        share_queries(&mut collectors, &mut errors);
        check_branches(&collectors, &mut tolerable);
        check_lookups(&collectors, &mut errors);
        for collector in &collectors {
            let check = if collector.rest.is_some() { rules.check_rest } else { rules.check_query };
            errors.extend(check.map(|check| query_diagnostics(collector, check)).into_iter().flatten());
        }
        leave_out_reserved(&mut collectors, &rules.reserved, &mut tolerable);
        collectors.retain(Collector::has_metric);
        let families = own_families(&collectors, &mut tolerable);
        let strict = rules.strict || origins.iter().all(|origin| matches!(origin, Origin::Embedded(_)));
        // Files that are refused anyway are refused with everything that is wrong.
        if strict || !errors.is_empty() {
            errors.extend(tolerable.drain(..).map(|tolerable| tolerable.fault));
        }
        if !errors.is_empty() {
            for diagnostic in &mut errors {
                if let Some((_, text)) = files.iter().find(|(name, _)| **name == *diagnostic.file) {
                    diagnostic.show_line(text);
                }
            }
            return Err(LoadError { diagnostics: in_order(errors) });
        }
        warnings.extend(tolerable.into_iter().map(Tolerable::into_warning));
        let column_families = families::of_columns(&collectors, &families);
        let warnings = in_order(warnings);
        Ok(Self {
            origin: Origin::list(origins),
            replaced,
            collectors,
            families,
            column_families,
            warnings,
            empty_files,
            sql_texts: SqlTextCache::default(),
        })
    }
}
