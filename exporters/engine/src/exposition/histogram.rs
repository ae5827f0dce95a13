//! A histogram column. Of a fetched result each row is one observation, and what comes out is a snapshot, exposed as
//! gauges. Of an accumulated one each row has all that was observed, and it is a histogram.

use std::collections::HashMap;

use super::text::{Number, close_labels, write_label, write_number, write_sample};
use super::value::number;
use crate::collector::Column;
use crate::rows::Value;

/// Observations of one column, by label set.
pub(super) struct Histogram<'a> {
    cell: usize,
    column: &'a Column,
    /// Families of buckets, count and sum, with their names.
    families: [(usize, &'a str); 3],
    groups: HashMap<Vec<u8>, Group>,
    /// Label sets in the order of their first observation.
    order: Vec<Vec<u8>>,
    /// How many more bytes the lines of all groups may have, about.
    room: usize,
    /// Observations of label sets that had no room.
    over: usize,
}

/// One label set's observations: how many fell up to each bound and not the one before, then above the last.
struct Group {
    counts: Vec<u64>,
    sum: f64,
}

/// What a histogram gives.
pub(super) struct Written {
    pub families: Vec<(usize, Vec<u8>)>,
    pub series: usize,
    /// Series left out by the cap.
    pub over: usize,
}

impl<'a> Histogram<'a> {
    pub fn new(cell: usize, column: &'a Column, families: [(usize, &'a str); 3], most_bytes: usize) -> Self {
        Self { cell, column, families, groups: HashMap::new(), order: Vec::new(), room: most_bytes, over: 0 }
    }

    /// Adds the row's observation, if it has one.
    pub fn observe(&mut self, row: &[Value<'_>], set: &[u8]) -> Result<(), String> {
        let value = &row[self.cell];
        let name = &self.column.name;
        let observed = match number(value, self.column) {
            Ok(None) => return Ok(()),
            Ok(Some(Number::Int(value))) => value as f64,
            Ok(Some(Number::Float(value))) if value.is_finite() => value,
            _ => return Err(format!("column {name}: {value} cannot be observed: expected a finite number")),
        };
        if !self.groups.contains_key(set) {
            let Some(room) = self.room.checked_sub((self.column.buckets.len() + 3) * (set.len() + name.len())) else {
                self.over += 1;
                return Ok(());
            };
            self.room = room;
            self.order.push(set.to_vec());
            self.groups.insert(set.to_vec(), Group { counts: vec![0; self.column.buckets.len() + 1], sum: 0.0 });
        }
        if let Some(group) = self.groups.get_mut(set) {
            group.counts[self.column.buckets.partition_point(|bound| *bound < observed)] += 1;
            group.sum += observed;
            if !group.sum.is_finite() {
                return Err(format!("column {name}: the sum is not finite"));
            }
        }
        Ok(())
    }

    /// Writes all groups, as far as they are within `cap` series.
    pub fn write(self, cap: usize) -> Written {
        let each = self.column.buckets.len() + 3;
        let kept = self.order.len().min(cap / each);
        let mut lines = [const { Vec::new() }; 3];
        for set in &self.order[..kept] {
            if let Some(group) = self.groups.get(set) {
                self.write_group(&mut lines, set, group);
            }
        }
        let families = self.families.iter().map(|(family, _)| *family).zip(lines).collect();
        Written { families, series: kept * each, over: (self.order.len() - kept) * each + self.over }
    }

    fn write_group(&self, [buckets, count, sum]: &mut [Vec<u8>; 3], set: &[u8], group: &Group) {
        let [(_, bucket_name), (_, count_name), (_, sum_name)] = self.families;
        let counts = group.counts.iter().map(|observed| *observed as f64);
        let total = write_buckets(buckets, bucket_name, set, &self.column.buckets, counts);
        write_sample(count, count_name, set, total);
        write_sample(sum, sum_name, set, Number::Float(group.sum));
    }
}

/// Writes the cumulative buckets of one label set; returns how much was observed. Observations that stand for several, since
/// a part of them was sampled, may have a fraction: counts are whole numbers.
fn write_buckets(
    lines: &mut Vec<u8>,
    name: &str,
    set: &[u8],
    bounds: &[f64],
    counts: impl Iterator<Item = f64>,
) -> Number {
    let mut total = 0.0;
    for (bound, observed) in bounds.iter().copied().chain([f64::INFINITY]).zip(counts) {
        total += observed;
        let mut le = Vec::new();
        write_number(&mut le, Number::Float(bound));
        let mut with_le = set.strip_suffix(b"}").unwrap_or(set).to_vec();
        write_label(&mut with_le, "le", &String::from_utf8_lossy(&le));
        close_labels(&mut with_le);
        write_sample(lines, name, &with_le, whole(total));
    }
    whole(total)
}

fn whole(count: f64) -> Number {
    Number::Int(count.round() as i64)
}

/// The histogram of an accumulated collector: its cells, and the lines of its family.
pub(super) struct TotalHistogram<'a> {
    cells: Vec<usize>,
    column: &'a Column,
    family: usize,
    /// Names of buckets, count and sum.
    names: [String; 3],
    lines: Vec<u8>,
}

impl<'a> TotalHistogram<'a> {
    /// The column of a result with these cells; `None` if one is missing.
    pub fn new(column: &'a Column, cells: &[&str], (family, name): (usize, &str)) -> Option<Self> {
        let cells = column.total_cells().map(|wanted| cells.iter().position(|cell| *cell == wanted));
        let names = ["bucket", "count", "sum"].map(|suffix| format!("{name}_{suffix}"));
        Some(Self { cells: cells.collect::<Option<Vec<usize>>>()?, column, family, names, lines: Vec::new() })
    }

    /// How many samples a label set has.
    pub fn series(&self) -> usize {
        self.cells.len() + 1
    }

    /// Writes the samples of a row; returns how many bytes they have.
    pub fn write(&mut self, row: &[Value<'_>], set: &[u8]) -> usize {
        let before = self.lines.len();
        let [bucket, count, sum] = &self.names;
        let mut numbers = self.cells.iter().map(|cell| row[*cell].number().unwrap_or(None).unwrap_or_default());
        let counts = numbers.by_ref().take(self.column.buckets.len() + 1);
        let total = write_buckets(&mut self.lines, bucket, set, &self.column.buckets, counts);
        write_sample(&mut self.lines, count, set, total);
        write_sample(&mut self.lines, sum, set, Number::Float(numbers.next().unwrap_or_default()));
        self.lines.len() - before
    }

    /// Its family and the lines of that.
    pub fn finish(self) -> (usize, Vec<u8>) {
        (self.family, self.lines)
    }
}
