//! What became of the queries of a file.

use std::fmt;

use engine::Position;

/// The report of one file.
#[derive(Debug, Default)]
pub(crate) struct ImportReport {
    /// The file, as a place begins.
    place: String,
    /// Queries in the file.
    queries: usize,
    /// Queries that became collectors.
    carried: usize,
    changed: Vec<Remark>,
    lost: Vec<Remark>,
}

/// Something about one query.
#[derive(Debug)]
struct Remark {
    file: String,
    at: Position,
    text: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, text } = self;
        // Line 0 means the file as a whole.
        if at.line == 0 { write!(f, "{file}: {text}") } else { write!(f, "{file}:{}:{}: {text}", at.line, at.column) }
    }
}

impl ImportReport {
    pub fn new(place: impl Into<String>) -> Self {
        Self { place: place.into(), ..Self::default() }
    }

    /// Notes a query of the file, and whether it became a collector.
    pub fn query(&mut self, carried: bool) {
        self.queries += 1;
        self.carried += usize::from(carried);
    }

    /// Notes what is done in another way here.
    pub fn changed(&mut self, at: Position, text: impl Into<String>) {
        let remark = self.remark(at, text.into());
        self.changed.push(remark);
    }

    /// Notes what has no equivalent, and what to do.
    pub fn lost(&mut self, at: Position, text: impl Into<String>) {
        let remark = self.remark(at, text.into());
        self.lost.push(remark);
    }

    fn remark(&self, at: Position, text: String) -> Remark {
        Remark { file: self.place.clone(), at, text }
    }

    /// Whether everything carried.
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty()
    }

    /// Takes over what a part of the file is about.
    pub fn add(&mut self, part: Self) {
        self.queries += part.queries;
        self.carried += part.carried;
        self.changed.extend(part.changed);
        self.lost.extend(part.lost);
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, queries, carried, changed, lost } = self;
        let word = if *queries == 1 { "query" } else { "queries" };
        writeln!(f, "{place}: {carried} of {queries} {word} imported")?;
        for (title, remarks) in [("changed", changed), ("not carried over", lost)] {
            if !remarks.is_empty() {
                writeln!(f, "{title}:")?;
            }
            let mut remarks: Vec<_> = remarks.iter().collect();
            remarks.sort_by_key(|remark| (&remark.file, remark.at));
            for remark in remarks {
                writeln!(f, "  {remark}")?;
            }
        }
        Ok(())
    }
}
