//! All collectors of one exporter: loaded from files, checked against each other.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::collector::{Collector, Diagnostic, Family, Position, Usage, read_file};
use crate::facts::Version;
use crate::tiers::Tiers;

/// Checks the text of a query; its error becomes a diagnostic of the collector file.
pub type CheckQuery = fn(&str) -> Result<(), String>;

/// A folder of collector files that is embedded in the program.
#[derive(Debug, Clone)]
pub struct EmbeddedFolder {
    /// Its name in `--config builtin:NAME`.
    pub name: &'static str,
    /// File name and text of each.
    pub files: Vec<(String, String)>,
}

impl EmbeddedFolder {
    /// The `.yml` files of a folder that the program was compiled with.
    pub fn of<Files: RustEmbed>(name: &'static str) -> Self {
        let mut names: Vec<_> = Files::iter().filter(|name| name.ends_with(".yml")).collect();
        names.sort_unstable();
        let text = |name: &str| Files::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned());
        let files = names.iter().filter_map(|file| Some((format!("builtin:{name}/{file}"), text(file)?))).collect();
        Self { name, files }
    }
}

/// Where collector files are.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Embedded(EmbeddedFolder),
    Path(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "builtin:{}", folder.name),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

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
            let (found, told) = read_file(name, text, tiers);
            collectors.extend(found);
            diagnostics.extend(told.errors);
            warnings.extend(told.warnings);
        }
        collectors.sort_by_key(|collector: &Collector| collector.priority);
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
        Ok(Self { origin: origin.to_string(), collectors, families, column_families, warnings, empty_files })
    }
}

/// The errors that the source's own check finds in queries.
fn query_diagnostics(collector: &Collector, check: CheckQuery) -> Vec<Diagnostic> {
    let text = collector.text(Version::default());
    let predicates = collector.predicates.iter().map(|predicate| (predicate.name.as_str(), predicate.query.as_str()));
    let queries = std::iter::once(("query", text.as_str())).chain(predicates);
    let diagnostics = queries.filter_map(|(what, text)| Some((what, check(text).err()?)));
    diagnostics
        .map(|(what, why)| {
            diagnostic(collector, collector.position, format!("{what} of branch {}: {why}", collector.key))
        })
        .collect()
}

/// File names and texts; what cannot be read is a diagnostic of the file as a whole.
fn read_texts(origin: &Origin) -> (Vec<(String, String)>, Vec<Diagnostic>) {
    let path = match origin {
        Origin::Embedded(folder) => return (folder.files.clone(), Vec::new()),
        Origin::Path(path) => path,
    };
    let mut diagnostics = Vec::new();
    let mut files = Vec::new();
    match yaml_files(path) {
        Ok(paths) if paths.is_empty() => diagnostics.push(whole(path, "no .yml or .yaml file in this folder")),
        Ok(paths) => {
            // A pipe on the command line, such as <(command), is read once; in a folder there is no use for one.
            let read = if paths == [path.clone()] { files::read_file_or_pipe } else { files::read };
            for path in paths {
                match read(&path).map(String::from_utf8) {
                    Ok(Ok(text)) => files.push((path.display().to_string(), text)),
                    Ok(Err(error)) => {
                        let sound = error.utf8_error().valid_up_to();
                        diagnostics.push(not_utf8(&path, error.as_bytes().get(..sound).unwrap_or_default()));
                    }
                    Err(error) => diagnostics.push(whole(&path, &format!("cannot be read: {error}"))),
                }
            }
        }
        Err(error) => diagnostics.push(whole(path, &format!("cannot be read: {error}"))),
    }
    (files, diagnostics)
}

fn yaml_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn whole(path: &Path, message: &str) -> Diagnostic {
    Diagnostic::new(&path.display().to_string().into(), Position::default(), message)
}

/// `sound` is the text before the first byte that is not UTF-8.
fn not_utf8(path: &Path, sound: &[u8]) -> Diagnostic {
    let sound = String::from_utf8_lossy(sound);
    let last = sound.rsplit('\n').next().unwrap_or_default();
    let line = 1 + sound.matches('\n').count() as u64;
    let position = Position { line, column: 1 + last.chars().count() as u64 };
    Diagnostic { position, ..whole(path, "this byte is not UTF-8: save the file as UTF-8") }
}

fn diagnostic(collector: &Collector, position: Position, message: String) -> Diagnostic {
    Diagnostic::new(&collector.file, position, message)
}

/// Branch keys are unique, and branches that share a name never run together.
fn check_branches(collectors: &[Collector], diagnostics: &mut Vec<Diagnostic>) {
    for (at, collector) in collectors.iter().enumerate() {
        for earlier in &collectors[..at] {
            let there = format!("{}:{}", earlier.file, earlier.position.line);
            if earlier.key == collector.key {
                if earlier.file != collector.file {
                    let message = format!("branch {} is already defined at {there}", collector.key);
                    diagnostics.push(diagnostic(collector, collector.position, message));
                }
            } else if earlier.name == collector.name && may_run_together(earlier, collector) {
                let message = format!(
                    "branch {} ({}) and branch {} ({}, at {there}) give the same metrics {}_… and can both run: \
                     expected versions that do not overlap, or tags that exclude each other",
                    collector.key, collector.versions, earlier.key, earlier.versions, collector.name
                );
                diagnostics.push(diagnostic(collector, collector.position, message));
            }
        }
    }
}

/// A lookup is of a branch that has a top, and by a label that both have.
fn check_lookups(collectors: &[Collector], diagnostics: &mut Vec<Diagnostic>) {
    let has_label = |collector: &Collector, label: &str| {
        collector.columns.iter().any(|column| column.usage == Usage::Label && column.name == label)
    };
    for collector in collectors {
        let Some(lookup) = &collector.lookup else { continue };
        let found = collectors.iter().find(|other| *other.key == *lookup.of);
        let wrong = match found {
            None => format!("there is no branch {}", lookup.of),
            Some(of) if of.top.is_none() => format!("branch {} has no top", lookup.of),
            Some(of) if !has_label(of, &lookup.label) => format!("branch {} has no label {}", lookup.of, lookup.label),
            Some(_) if !has_label(collector, &lookup.label) => {
                format!("the branch itself has no label {}", lookup.label)
            }
            Some(_) => continue,
        };
        diagnostics.push(diagnostic(
            collector,
            collector.position,
            format!("lookup of branch {}: {wrong}", collector.key),
        ));
    }
}

fn may_run_together(one: &Collector, other: &Collector) -> bool {
    let excludes = |a: &str, b: &str| {
        let role = |tag: &str| match tag {
            "primary" | "master" | "leader" => Some(true),
            "standby" | "replica" | "slave" => Some(false),
            _ => None,
        };
        let facts = ["dbname:", "username:"];
        matches!((role(a), role(b)), (Some(x), Some(y)) if x != y)
            || a.strip_prefix("not:") == Some(b)
            || b.strip_prefix("not:") == Some(a)
            || facts
                .iter()
                .any(|kind| matches!((a.strip_prefix(kind), b.strip_prefix(kind)), (Some(x), Some(y)) if x != y))
    };
    let apart = one.tags.iter().any(|a| other.tags.iter().any(|b| excludes(a, b)));
    let shares = |column: &crate::collector::Column| {
        let mine = one.families_of(column);
        other
            .columns
            .iter()
            .any(|column| other.families_of(column).iter().any(|family| mine.iter().any(|m| m.name == family.name)))
    };
    !one.skip
        && !other.skip
        && !apart
        && one.versions.overlaps(&other.versions)
        && one.columns.iter().filter(|column| column.usage != Usage::Label).any(shares)
}

/// All families, sorted by name; one name has one type, and none is the exporter's own.
fn own_families(collectors: &[Collector], reserved: &[String], diagnostics: &mut Vec<Diagnostic>) -> Vec<Family> {
    let mut owners: HashMap<String, (Family, &Collector)> = HashMap::new();
    for collector in collectors {
        for column in &collector.columns {
            for family in collector.families_of(column) {
                if reserved.contains(&family.name) {
                    let message = format!("metric {} is one of the exporter's own: choose another name", family.name);
                    diagnostics.push(diagnostic(collector, column.position, message));
                }
                match owners.get(&family.name) {
                    Some((first, owner)) if first.kind != family.kind => {
                        let (kind, other) = (family.kind.word(), first.kind.word());
                        let message = format!(
                            "metric {} is a {kind} here and a {other} in branch {}, at {}:{}",
                            family.name, owner.key, owner.file, owner.position.line
                        );
                        diagnostics.push(diagnostic(collector, column.position, message));
                    }
                    Some(_) => {}
                    None => {
                        owners.insert(family.name.clone(), (family, collector));
                    }
                }
            }
        }
    }
    let mut families: Vec<Family> = owners.into_values().map(|(family, _)| family).collect();
    families.sort_by(|a, b| a.name.cmp(&b.name));
    families
}
