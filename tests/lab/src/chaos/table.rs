//! The table of what was measured, in a page between markers.

use std::path::Path;

use super::measure::Measured;
use crate::{LabError, Marked};

const FAULTS: Marked = Marked { name: "faults", goal: "chaos" };

/// Writes the table into a page.
pub fn write(page: &Path, all: &[Measured]) -> Result<(), LabError> {
    FAULTS.write(page, &table(all))
}

fn table(all: &[Measured]) -> String {
    let mut table = "\
| fault | answered within | status | `pg_up`, reason | series lost | sessions | waiting | whole after |
|---|---|---|---|---|---|---|---|
"
    .to_owned();
    for one in all {
        let cells = [
            one.fault.what.to_owned(),
            format!("{:.2} s", one.slowest().as_secs_f64()),
            one.statuses(),
            one.up(),
            format!("{} of {}", one.lost, one.series),
            format!("{} of {}", one.most.sessions, one.budget),
            one.most.waiting.to_string(),
            one.recovery(),
        ];
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}
