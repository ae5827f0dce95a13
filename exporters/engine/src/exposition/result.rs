//! The encoded result of one collector: for each of its families the lines, plain or compressed as scrapers want them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::demand::Wanted;
use super::drop_reason::DropReason;
use super::gzip::{Compressors, Deflated};

/// Characters of an example of what was dropped.
const LONGEST_EXAMPLE: usize = 1000;

/// One encoded result.
#[derive(Debug, Default)]
pub(crate) struct EncodedResult {
    /// Its families, as indexes into the catalog; those without lines are left out.
    pub families: Vec<usize>,
    /// How many bytes the lines of each family have.
    lengths: Vec<usize>,
    pub rows: usize,
    pub series: usize,
    /// How many rows are summed into `other`, if the collector shows the busiest only.
    pub others: Option<usize>,
    /// How many observations an accumulated collector has summed into `other`, since they were of too many label sets.
    pub overflowed: Option<u64>,
    /// When its numbers were read, if that was before it was encoded.
    pub read_at: Option<Instant>,
    /// How long the source worked on it.
    pub took: Duration,
    /// How many samples were dropped, and an example of each kind.
    pub drops: BTreeMap<DropReason, (u64, String)>,
    /// Whether every line carries the database in `datname`: then it cannot repeat a line of another database.
    pub scoped: bool,
    /// Why no query ran, if a predicate did not hold: the result is empty, or what a lookup found before.
    pub skipped: Option<String>,
    lines: Mutex<Lines>,
}

/// The lines of all families in their order. One of the two is there, the other is made of it when it is asked for.
#[derive(Debug, Default)]
struct Lines {
    plain: Option<Arc<[Bytes]>>,
    deflated: Option<Arc<Deflated>>,
}

impl EncodedResult {
    /// A result without rows.
    pub(super) fn empty() -> Self {
        Self { scoped: true, ..Self::default() }
    }

    /// The result of a collector whose predicate does not hold.
    pub fn skipped(reason: String) -> Self {
        Self { skipped: Some(reason), ..Self::empty() }
    }

    /// Takes the lines of families.
    pub(super) fn set_lines(&mut self, families: impl Iterator<Item = (usize, Vec<u8>)>) {
        let filled = families.filter(|(_, lines)| !lines.is_empty());
        let (families, plain): (Vec<usize>, Vec<Bytes>) =
            filled.map(|(family, lines)| (family, Bytes::from(lines.into_boxed_slice()))).unzip();
        self.families = families;
        self.lengths = plain.iter().map(Bytes::len).collect();
        self.lines = Mutex::new(Lines { plain: Some(plain.into()), deflated: None });
    }

    /// How many bytes the lines of a family have.
    pub(super) fn length(&self, family: usize) -> usize {
        self.families.iter().position(|one| *one == family).map_or(0, |at| self.lengths[at])
    }

    /// How many bytes the lines of all families have.
    pub fn size(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// The lines of its families.
    pub(super) fn plain(&self) -> Arc<[Bytes]> {
        let mut lines = self.lines.lock();
        let Lines { plain, deflated } = &mut *lines;
        let inflate = || deflated.as_ref().map(|deflated| deflated.inflate()).unwrap_or_default().into();
        plain.get_or_insert_with(inflate).clone()
    }

    /// The compressed lines of its families.
    pub(super) fn deflated(&self, compressors: &Compressors) -> Arc<Deflated> {
        let mut lines = self.lines.lock();
        let Lines { plain, deflated } = &mut *lines;
        let deflate = || Arc::new(compressors.deflate(plain.iter().flat_map(|plain| plain.iter()).map(|one| &**one)));
        deflated.get_or_insert_with(deflate).clone()
    }

    /// Makes and keeps the lines as they are wanted, and lets go of them as they are not.
    pub fn keep(&self, wanted: Wanted, compressors: &Compressors) {
        if wanted.deflated {
            self.deflated(compressors);
        }
        let mut lines = self.lines.lock();
        if !wanted.plain && lines.deflated.is_some() {
            lines.plain = None;
        }
        if !wanted.deflated && lines.plain.is_some() {
            lines.deflated = None;
        }
    }

    /// Its lines, for tests of other modules.
    #[cfg(test)]
    pub fn lines_of_test(&self) -> Vec<String> {
        let text = |lines: &Bytes| String::from_utf8_lossy(lines).lines().map(str::to_owned).collect::<Vec<_>>();
        self.plain().iter().flat_map(text).collect()
    }

    /// Counts samples that were dropped.
    pub fn dropped(&mut self, why: DropReason, samples: usize, example: impl FnOnce() -> String) {
        if samples > 0 {
            let short = || example().chars().take(LONGEST_EXAMPLE).collect();
            self.drops.entry(why).or_insert_with(|| (0, short())).0 += samples as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_lines_only_as_they_are_wanted() {
        let compressors = Compressors::default();
        let mut result = EncodedResult::empty();
        let text: Vec<u8> = (0..5000).flat_map(|n| format!("a{{n=\"{n}\"}} {n}\n").into_bytes()).collect();
        result.set_lines([(3, text.clone()), (4, Vec::new()), (7, b"b 1\n".to_vec())].into_iter());
        assert_eq!((result.families.as_slice(), result.length(3), result.length(4)), (&[3, 7][..], text.len(), 0));
        let kept = || {
            let lines = result.lines.lock();
            (lines.plain.is_some(), lines.deflated.is_some())
        };
        for (plain, deflated) in [(true, false), (true, true), (false, true), (true, false)] {
            result.keep(Wanted { plain, deflated }, &compressors);
            // A page that is not compressed was asked for before plain lines are kept.
            if plain {
                assert_eq!(&result.plain()[..], [Bytes::from(text.clone()), Bytes::from_static(b"b 1\n")]);
                result.keep(Wanted { plain, deflated }, &compressors);
            }
            assert_eq!(kept(), (plain, deflated));
        }
    }
}
