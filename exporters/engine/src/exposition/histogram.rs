//! A histogram column: each row is one observation; what comes out is a snapshot, exposed as gauges.

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
        let mut total = 0;
        for (bound, observed) in self.column.buckets.iter().copied().chain([f64::INFINITY]).zip(&group.counts) {
            total += *observed as i64;
            let mut le = Vec::new();
            write_number(&mut le, Number::Float(bound));
            let mut with_le = set.strip_suffix(b"}").unwrap_or(set).to_vec();
            write_label(&mut with_le, "le", &String::from_utf8_lossy(&le));
            close_labels(&mut with_le);
            write_sample(buckets, bucket_name, &with_le, Number::Int(total));
        }
        write_sample(count, count_name, set, Number::Int(total));
        write_sample(sum, sum_name, set, Number::Float(group.sum));
    }
}
