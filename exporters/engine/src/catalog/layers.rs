//! Collector files of several origins, laid one over the other while they are read.

use std::sync::Arc;

use super::check::{may_run_together, share};
use super::origin::{Origin, read_texts, sql_file};
use crate::collector::{Change, Collector, CollectorFile, Diagnostic, Position, Tolerable, read_file};
use crate::tiers::Tiers;

/// What the files of all origins have, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// In the order of origins, files and branches.
    pub collectors: Vec<Collector>,
    /// Names and texts of all files.
    pub files: Vec<(String, String)>,
    pub errors: Vec<Diagnostic>,
    pub tolerable: Vec<Tolerable>,
    pub warnings: Vec<Diagnostic>,
    /// What became of collectors of earlier origins and files, one sentence each.
    pub replaced: Vec<String>,
}

impl Layers {
    /// Reads the files of all origins, the first one at the bottom.
    pub fn read(origins: &[Origin], tiers: &Tiers) -> Self {
        let mut layers = Self::default();
        for origin in origins {
            layers.add(origin, tiers);
        }
        layers
    }

    fn add(&mut self, origin: &Origin, tiers: &Tiers) {
        let (files, errors) = read_texts(origin);
        self.errors.extend(errors);
        let mut layer = Vec::new();
        for (name, text) in &files {
            let CollectorFile { collectors, changes, told } =
                read_file(name, text, tiers, &|path| sql_file(origin, path));
            for change in &changes {
                self.change(&mut layer, change, &told.file);
            }
            for (key, position) in &told.left_out {
                for earlier in [&mut layer, &mut self.collectors] {
                    remove_earlier(earlier, key, (&told.file, *position), &mut self.tolerable);
                }
            }
            for collector in collectors {
                let defined_at = (&collector.file, collector.position);
                remove_earlier(&mut layer, &collector.key, defined_at, &mut self.tolerable);
                layer.push(collector);
            }
            self.errors.extend(told.errors);
            self.tolerable.extend(told.tolerable);
            self.warnings.extend(told.warnings);
        }
        self.replace(&layer);
        self.collectors.append(&mut layer);
        self.files.extend(files);
    }

    /// Changes settings of a collector of this origin, else of an earlier one.
    fn change(&mut self, layer: &mut [Collector], change: &Change, file: &Arc<str>) {
        let mut all = layer.iter_mut().chain(&mut self.collectors);
        let changed = match all.find(|collector| collector.key == change.key) {
            Some(collector) => {
                let Position { line, column } = change.position;
                let at = format!("{file}:{line}:{column}");
                self.replaced.push(format!("branch {} of {} is changed at {at}", change.key, collector.file));
                change.apply(collector)
            }
            None => Err(format!("branch {} has settings only, and no earlier file defines it", change.key)),
        };
        if let Err(message) = changed {
            let warning = format!("{message}: the branch is left out");
            self.tolerable.push(Tolerable { fault: Diagnostic::new(file, change.position, message), warning });
        }
    }

    /// Removes what this origin defines again: branches of the same name, and others that give the same metrics.
    fn replace(&mut self, layer: &[Collector]) {
        let replaced = &mut self.replaced;
        self.collectors.retain(|earlier| {
            let is_again = |later: &&Collector| {
                let is_same = later.name == earlier.name && may_run_together(later, earlier) && share(later, earlier);
                later.key == earlier.key || is_same
            };
            let Some(later) = layer.iter().find(is_again) else { return true };
            let Position { line, column } = later.position;
            replaced.push(format!(
                "branch {} of {} is replaced by branch {} at {}:{line}:{column}",
                earlier.key, earlier.file, later.key, later.file
            ));
            false
        });
    }
}

/// Removes the collector of that branch, which `file` has again: the later definition holds, as in pg_exporter.
fn remove_earlier(
    collectors: &mut Vec<Collector>,
    key: &str,
    (file, position): (&Arc<str>, Position),
    tolerable: &mut Vec<Tolerable>,
) {
    let Some(at) = collectors.iter().position(|earlier| *earlier.key == *key) else { return };
    let earlier = collectors.remove(at);
    let there = format!("{}:{}:{}", earlier.file, earlier.position.line, earlier.position.column);
    let message = format!("branch {key} is already defined at {there}");
    let warning = format!("{message}: that definition is left out");
    tolerable.push(Tolerable { fault: Diagnostic::new(file, position, message), warning });
}
