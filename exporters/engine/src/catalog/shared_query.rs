//! Collectors that share one query: the rows are those of all, each takes its own columns of them.

use std::sync::Arc;

use crate::collector::{Ask, Collector, Column, Diagnostic, no_counter, not_sampled};

/// Gives each collector with `query_of` the query of the other one, and both the columns of all that share it.
pub(super) fn share_queries(collectors: &mut [Collector], diagnostics: &mut Vec<Diagnostic>) {
    for owner in 0..collectors.len() {
        let key = collectors[owner].key.clone();
        let sharers: Vec<usize> =
            (0..collectors.len()).filter(|&at| collectors[at].query_of.as_deref() == Some(&*key)).collect();
        if sharers.is_empty() {
            continue;
        }
        let all = || std::iter::once(&owner).chain(&sharers).map(|&at| &collectors[at]);
        diagnostics.extend(why_not(&collectors[owner], &sharers.iter().map(|&at| &collectors[at]).collect::<Vec<_>>()));
        let selected = select(all());
        let taken = collectors[owner].clone();
        collectors[owner].selected = Some(selected.clone());
        for at in sharers {
            collectors[at].share(&taken, selected.clone());
        }
    }
    let missing = collectors.iter().filter_map(|collector| {
        let of = collector.query_of.as_deref()?;
        let is_missing = collectors.iter().all(|other| *other.key != *of);
        is_missing.then(|| wrong(collector, format!("there is no branch {of}")))
    });
    diagnostics.extend(missing);
}

/// The columns of all, those that are the same once.
fn select<'a>(collectors: impl Iterator<Item = &'a Collector>) -> Arc<[Column]> {
    let mut selected: Vec<Column> = Vec::new();
    for column in collectors.flat_map(|collector| &collector.columns) {
        let is_same = |other: &Column| other.select_item() == column.select_item() && other.versions == column.versions;
        if !selected.iter().any(is_same) {
            selected.push(column.clone());
        }
    }
    selected.into()
}

/// What is wrong with the sharers of a collector's query.
fn why_not(owner: &Collector, sharers: &[&Collector]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (at, sharer) in sharers.iter().enumerate() {
        if owner.query_of.is_some() {
            diagnostics.push(wrong(sharer, format!("branch {} has a query_of itself", owner.key)));
        } else if matches!(owner.ask, Ask::Query(_)) {
            diagnostics.push(wrong(sharer, format!("expected from or from_file in branch {}", owner.key)));
        } else if owner.lookup.is_some() || (owner.top.is_some() && owner.sample.is_none()) {
            diagnostics.push(wrong(sharer, format!("branch {} has a top or a lookup", owner.key)));
        } else if sharer.top.is_some() && owner.sample.is_none() {
            diagnostics
                .push(wrong(sharer, format!("a top needs a query that is sampled, branch {} is not", owner.key)));
        }
        if owner.sample.is_some() {
            diagnostics.extend(why_not_sampled(sharer));
        }
        let others = || std::iter::once(owner).chain(sharers[..at].iter().copied());
        for column in &sharer.columns {
            let differs = |other: &&Column| {
                other.name == column.name
                    && other.versions.overlaps(&column.versions)
                    && other.select_item() != column.select_item()
            };
            if let Some(other) = others().find(|other| other.columns.iter().any(|column| differs(&column))) {
                let message = format!(
                    "column {} has another expr in branch {}, with which it shares the query: expected another name",
                    column.name, other.key
                );
                diagnostics.push(Diagnostic::new(&sharer.file, column.position, message));
            }
        }
    }
    diagnostics
}

/// What a sharer of a sampled query cannot have.
fn why_not_sampled(sharer: &Collector) -> Vec<Diagnostic> {
    let columns = sharer.columns.iter().filter(|column| !column.is_sampled());
    let columns = columns.map(|column| Diagnostic::new(&sharer.file, column.position, not_sampled(&column.name)));
    no_counter(sharer).map(|message| wrong(sharer, message)).into_iter().chain(columns).collect()
}

fn wrong(collector: &Collector, why: String) -> Diagnostic {
    Diagnostic::new(&collector.file, collector.position, format!("query_of of branch {}: {why}", collector.key))
}

impl Collector {
    /// Takes over all that decides when the query runs and what it is.
    fn share(&mut self, owner: &Self, selected: Arc<[Column]>) {
        *self = Self {
            ask: owner.ask.clone(),
            selected: Some(selected),
            predicates: owner.predicates.clone(),
            search_path: owner.search_path.clone(),
            tags: owner.tags.iter().chain(&self.tags).cloned().collect(),
            ttl: owner.ttl,
            sample: owner.sample,
            of_database_only: owner.of_database_only,
            timeout: owner.timeout,
            versions: owner.versions,
            version_of: owner.version_of.clone(),
            ..self.clone()
        };
    }
}
