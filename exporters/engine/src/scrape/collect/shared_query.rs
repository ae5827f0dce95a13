//! Collectors of one batch that share a query: the first runs it and makes the results of the others too.

use tokio::sync::oneshot;

use crate::catalog::Catalog;
use crate::error::SourceError;
use crate::exposition::{EncodedResult, Encoder};
use crate::plan::Planned;
use crate::rows::{RowSink, Value};

type Shared = Result<EncodedResult, SourceError>;

/// A collector that waits for the rows of another one's query.
pub(super) struct Sharer {
    pub planned: Planned,
    pub result: oneshot::Sender<Shared>,
}

/// What a collector has to do with the query that it shares.
pub(super) enum Part {
    /// It runs the query, for these too.
    Runs(Vec<Sharer>),
    /// Another one runs it. Without a result, since that one did not need to run, it runs the query itself.
    Waits(oneshot::Receiver<Shared>),
}

/// What each collector of a batch does.
pub(super) fn parts(catalog: &Catalog, due: Vec<Planned>) -> Vec<(Planned, Part)> {
    let mut parts: Vec<(Planned, Part)> = Vec::with_capacity(due.len());
    let shares = |planned: &Planned| catalog.collectors[planned.collector].selected.is_some();
    for planned in due {
        let is_same = |other: &Planned| shares(other) && shares(&planned) && other.query.text == planned.query.text;
        let same = parts.iter_mut().find(|(other, _)| is_same(other));
        let part = match same {
            Some((_, Part::Runs(sharers))) => {
                let (result, waits) = oneshot::channel();
                sharers.push(Sharer { planned: planned.clone(), result });
                Part::Waits(waits)
            }
            _ => Part::Runs(Vec::new()),
        };
        parts.push((planned, part));
    }
    parts
}

/// Encoders that take the same rows.
pub(super) struct SharedRows<'a> {
    pub own: Encoder<'a>,
    pub sharers: Vec<Encoder<'a>>,
}

impl RowSink for SharedRows<'_> {
    fn columns(&mut self, names: &[&str]) {
        self.own.columns(names);
        self.sharers.iter_mut().for_each(|encoder| encoder.columns(names));
    }

    fn row(&mut self, cells: &[Value<'_>]) {
        self.own.row(cells);
        self.sharers.iter_mut().for_each(|encoder| encoder.row(cells));
    }
}
