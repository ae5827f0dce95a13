//! Prepares a document for filters once: selects the backups that are exported individually, and summarizes all of them.
//!
//! A repository may contain thousands of backups. Without this, every filter would iterate over all of them at every scrape,
//! and all of them would stay in memory.

use std::collections::{BTreeMap, HashMap};

use jaq_json::Val;
use jq::json::{text, with};
use serde_json::value::RawValue;

use crate::backup::{Backup, in_database};
use crate::clusters::{clusters, index};
use crate::document::{Stanza, UnknownFormat, stanzas};
use crate::redact;
use crate::shape::STANZA;
use crate::slots::Slots;

/// Stanza, repository and label of a backup.
pub(crate) type BackupKey = (String, u64, String);

/// Which stanzas and backups of a document are read.
#[derive(Debug, Clone)]
pub(crate) struct BackupSelection {
    pub excluded_stanzas: Vec<String>,
    /// Backup types that are not read.
    pub excluded_types: Vec<&'static str>,
    /// How many backups of each stanza are exported individually. The newest of each type always are.
    pub limit: usize,
    /// How many backups of all stanzas are; of a document with more, the others are not kept in memory.
    pub document_limit: usize,
}

/// A document prepared for filters.
#[derive(Debug, Clone, Default)]
pub(crate) struct PreparedDocument {
    /// The array of stanzas.
    pub stanzas: Vec<Val>,
    /// The newest backup of each type in each repository.
    pub newest: Vec<Val>,
    /// Other backups that are exported individually, the newest first.
    pub others: Vec<Val>,
    /// The newest backup of each slot of each stanza, over all its repositories.
    pub last: Vec<Val>,
    /// The newest backup of each slot in each repository of each stanza.
    pub repo_last: Vec<Val>,
    /// A summary of the backups of each cluster in each repository.
    pub clusters: Vec<Val>,
    /// What is known of each stanza, repository and cluster, with its key.
    pub index: Vec<(Val, Val)>,
    /// The number of backups.
    pub backups: u64,
    /// How many of them are not exported individually.
    pub omitted: u64,
    /// How many stanzas and backups cannot be read.
    pub unreadable: u64,
}

/// A stanza with its backups, the newest first.
struct SortedStanza<'a> {
    name: String,
    fields: Val,
    newest: Vec<Backup<'a>>,
    others: Vec<Backup<'a>>,
}

/// Prepares a document; `databases` are those of single backups, as far as known.
pub(crate) fn prepare(
    document: &str,
    selection: &BackupSelection,
    databases: &BTreeMap<BackupKey, Val>,
) -> Result<PreparedDocument, UnknownFormat> {
    let (stanzas, unreadable) = stanzas(document)?;
    let mut prepared = PreparedDocument { unreadable: unreadable as u64, ..PreparedDocument::default() };
    let mut sorted = Vec::with_capacity(stanzas.len());
    for Stanza { name, fields, backups } in stanzas {
        if !selection.excluded_stanzas.contains(&name) {
            sorted.push(prepared.sort(name, redact::stanza(&STANZA.fit(fields)), &backups, selection));
        }
    }
    let counts: Vec<_> = sorted.iter().map(|stanza| (stanza.newest.len(), stanza.others.len())).collect();
    let is_kept_whole = prepared.backups <= selection.document_limit as u64;
    for (stanza, individual) in sorted.into_iter().zip(individual(&counts, selection)) {
        prepared.add(stanza, individual, is_kept_whole, databases);
    }
    Ok(prepared)
}

/// How many of the other backups of each stanza are exported individually. If they are too many for the document, each
/// stanza gets the same share; `counts` are those of the newest and of the others.
fn individual(counts: &[(usize, usize)], selection: &BackupSelection) -> Vec<usize> {
    let wanted = |at: usize| selection.limit.saturating_sub(counts[at].0).min(counts[at].1);
    let newest: usize = counts.iter().map(|(newest, _)| newest).sum();
    let mut left = selection.document_limit.saturating_sub(newest);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|at| wanted(*at));
    let mut given = vec![0; counts.len()];
    for (before, at) in order.into_iter().enumerate() {
        given[at] = wanted(at).min(left / (counts.len() - before));
        left -= given[at];
    }
    given
}

/// The key of a backup.
pub(crate) fn key(stanza: &str, backup: &Val) -> BackupKey {
    (stanza.to_owned(), in_database(backup, "repo-key"), text(backup, "label").unwrap_or_default())
}

impl PreparedDocument {
    /// Reads and summarizes the backups of a stanza.
    fn sort<'a>(
        &mut self,
        name: String,
        fields: Val,
        list: &[&'a RawValue],
        selection: &BackupSelection,
    ) -> SortedStanza<'a> {
        let mut backups = Vec::with_capacity(list.len());
        for (position, raw) in list.iter().enumerate() {
            match Backup::read(raw, position) {
                Some(backup) if selection.excluded_types.contains(&backup.kind) => {}
                Some(backup) => backups.push(backup),
                None => self.unreadable += 1,
            }
        }
        backups.sort_by(|a, b| b.stop.total_cmp(&a.stop));
        let mut counts: HashMap<(u64, &str), usize> = HashMap::new();
        for backup in &mut backups {
            let count = counts.entry((backup.repo_key, backup.kind)).or_default();
            backup.rank = *count;
            *count += 1;
        }
        self.backups += backups.len() as u64;
        let clusters = clusters(&name, &backups);
        self.index.extend(index(&fields, &clusters));
        self.clusters.extend(clusters.into_values());
        let (newest, others) = backups.into_iter().partition(|backup| backup.rank == 0);
        SortedStanza { name, fields, newest, others }
    }

    /// Adds a stanza with its backups that are exported individually; with all of them if it is kept whole.
    fn add(
        &mut self,
        stanza: SortedStanza<'_>,
        individual: usize,
        is_kept_whole: bool,
        databases: &BTreeMap<BackupKey, Val>,
    ) {
        let SortedStanza { name, fields, newest, others } = stanza;
        self.omitted += (others.len() - individual) as u64;
        let kept = if is_kept_whole { others.len() } else { individual };
        let mut list = Vec::with_capacity(newest.len() + kept);
        let mut slots = Slots::default();
        for (rank, backup) in newest.iter().chain(&others[..kept]).enumerate() {
            let Some(value) = backup.value() else { continue };
            let value = with_databases(value, &name, databases);
            if rank < newest.len() {
                slots.add(backup, backup.to_json(&value, &name));
            } else if rank < newest.len() + individual {
                self.others.push(backup.to_json(&value, &name));
            }
            list.push((backup.position, value));
        }
        self.last.extend(slots.last());
        self.repo_last.extend(slots.repo_last());
        self.newest.extend(slots.newest.into_iter().map(|(_, value)| value));
        list.sort_by_key(|(position, _)| *position);
        let list: Val = list.into_iter().map(|(_, value)| value).collect();
        self.stanzas.push(with(&fields, [("backup", list)]));
    }
}

fn with_databases(backup: Val, stanza: &str, databases: &BTreeMap<BackupKey, Val>) -> Val {
    let known = if databases.is_empty() { None } else { databases.get(&key(stanza, &backup)) };
    known.map_or_else(|| backup.clone(), |known| with(&backup, [("database-ref", known.clone())]))
}

#[cfg(test)]
mod tests;
