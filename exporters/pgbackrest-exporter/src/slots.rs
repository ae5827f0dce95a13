//! The newest backups of a stanza by slot, as pgbackrest_exporter exports them.
//!
//! The slot `incr` has the newest backup of any type, `diff` the newest full or differential one, `full` the newest full one.

use std::collections::BTreeMap;

use jaq_json::Val;
use jq::json::{object, string};

use crate::backup::Backup;

const SLOTS: [(&str, &[&str]); 3] =
    [("full", &["full"]), ("diff", &["full", "diff"]), ("incr", &["full", "diff", "incr"])];

/// The newest backups of each type in each repository of a stanza.
#[derive(Default)]
pub(crate) struct Slots<'a> {
    pub newest: Vec<(&'a Backup<'a>, Val)>,
}

impl<'a> Slots<'a> {
    pub fn add(&mut self, backup: &'a Backup<'a>, value: Val) {
        self.newest.push((backup, value));
    }

    /// The newest of each slot, as `slot` and `backup`.
    pub fn last(&self) -> Vec<Val> {
        by_slot(self.newest.iter().collect())
    }

    /// The newest of each slot in each repository.
    pub fn repo_last(&self) -> Vec<Val> {
        let mut repositories: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for backup in &self.newest {
            repositories.entry(backup.0.repo_key).or_default().push(backup);
        }
        repositories.into_values().flat_map(by_slot).collect()
    }
}

fn by_slot(backups: Vec<&(&Backup<'_>, Val)>) -> Vec<Val> {
    let newest = |types: &[&str]| {
        let fitting = backups.iter().filter(|(backup, _)| types.contains(&backup.kind));
        fitting.max_by(|a, b| a.0.stop.total_cmp(&b.0.stop)).map(|(_, value)| value.clone())
    };
    let slots = SLOTS.iter().filter_map(|(slot, types)| Some((string(slot), newest(types)?)));
    slots.map(|(slot, backup)| object([("slot", slot), ("backup", backup)])).collect()
}
