//! The broken hops with their times, and the rows that the exporter showed, in a page between markers.

use std::path::Path;

use super::proof::{Named, Switched};
use crate::{LabError, Marked};

/// The most characters of a line.
const WIDTH: usize = 98;

const HOPS: Marked = Marked { name: "hops", goal: "prove" };

/// Writes what was proven into a page. `well` is the row of a service that is as promised.
pub(super) fn write(page: &Path, well: &str, switched: &Switched, named: &[Named]) -> Result<(), LabError> {
    let mut table = "| fault | hop | named after | as promised again |\n|---|---|---|---|\n".to_owned();
    let seen: Vec<String> = switched.failures.keys().map(|hop| format!("`{hop}`")).collect();
    let count: f64 = switched.failures.values().sum();
    let seen = if seen.is_empty() { "none".to_owned() } else { format!("{count} probes: {}", seen.join(", ")) };
    let took = switched.took.as_secs_f64();
    table.push_str(&format!("| clean switchover with `patronictl` | {seen} | – | {took:.1} s after its start |\n"));
    for Named { broken, after, well_after, .. } in named {
        let (after, well) = (after.as_secs_f64(), well_after.as_secs_f64());
        table.push_str(&format!("| {} | `{}` | {after:.1} s | {well:.1} s |\n", broken.what, broken.hop));
    }
    let mut rows = format!("as promised\n{}", wrapped(well));
    rows.extend(switched.row.iter().map(|row| format!("during the switchover\n{}", wrapped(row))));
    rows.extend(named.iter().map(|Named { broken, row, .. }| format!("{}\n{}", broken.what, wrapped(row))));
    HOPS.write(page, &format!("\n{table}\nThe row of hops on the status page, each time:\n\n```text\n{rows}```\n\n"))
}

/// A row as indented lines that are not too long.
fn wrapped(row: &str) -> String {
    let mut lines = vec![" ".to_owned()];
    for word in row.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last + 1 + word.chars().count() > WIDTH {
            lines.push("   ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.extend([" ", word]);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_wrapped_between_words() {
        assert_eq!(wrapped("dns: no answer"), "  dns: no answer\n");
        let long = wrapped(&["twelve chars"; 20].join(" → "));
        assert!(long.lines().all(|line| line.chars().count() <= WIDTH) && long.lines().count() == 4, "{long}");
        assert_eq!(long.split_whitespace().count(), 59);
        assert!(long.lines().skip(1).all(|line| line.starts_with("    ") && !line.starts_with("     ")), "{long}");
    }
}
