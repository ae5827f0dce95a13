//! The tables of what was proven, in a page between markers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::situation::{Observed, Situation, names};
use super::{Arrival, INTERVAL, Outcome, SCALE, Shortlived, faults};
use crate::{LabError, Marked, rule_files};

const TIMES: Marked = Marked { name: "times", goal: "prove" };
const FAILOVER: Marked = Marked { name: "failover", goal: "prove" };
const SITUATIONS: Marked = Marked { name: "situations", goal: "prove" };

/// The alerts that have a row of times in a page, in its order.
pub fn tabled(page: &str) -> Vec<&str> {
    rows(page).map(|(alert, _)| alert).collect()
}

/// Writes the rows of alerts that were proven into a page, and takes out those of alerts that were not. Rows of others stay.
pub(super) fn write_times(page: &Path, alerts: &Path, outcomes: &[Outcome]) -> Result<(), LabError> {
    let text = read(page)?;
    let rules = rule_files(alerts).into_iter().map(|file| Ok(read(&file)?.matches("- alert: ").count()));
    let rules: usize = rules.sum::<Result<_, LabError>>()?;
    let tried: Vec<&str> = outcomes.iter().flat_map(|outcome| outcome.fault.alerts.iter().copied()).collect();
    let kept = rows(&text).filter(|(alert, _)| !tried.contains(alert)).map(|(alert, row)| (alert, row.to_owned()));
    let rows: BTreeMap<&str, String> = kept.chain(outcomes.iter().flat_map(proven)).collect();
    TIMES.write(page, &times(rules, &rows))
}

/// Writes which conditions held during a failover, and how long.
pub(super) fn write_failover(page: &Path, shortlived: &[Shortlived]) -> Result<(), LabError> {
    let mut table = "| alert | severity | held for | `for` |\n|---|---|---|---|\n".to_owned();
    for Shortlived { alert, severity, held, hold } in shortlived {
        let (held, hold) = (held.as_secs(), hold.as_secs());
        table.push_str(&format!("| {alert} | {severity} | {held} s | {hold} s |\n"));
    }
    FAILOVER.write(page, &table)
}

/// Writes which alerts arrived in each situation. Rows of others stay.
pub(super) fn write_situations(page: &Path, all: &[Situation], observed: &[Observed]) -> Result<(), LabError> {
    let text = read(page)?;
    let old = SITUATIONS.of(&text).unwrap_or_default();
    let mut table = "| situation | expected | arrived |\n|---|---|---|\n".to_owned();
    for situation in all {
        let begin = format!("| {} | {} |", situation.what, names(situation.alerts));
        match observed.iter().find(|one| one.situation.what == situation.what) {
            Some(Observed { arrived: Ok(arrived), .. }) => table.push_str(&format!("{begin} {} |\n", names(arrived))),
            Some(Observed { arrived: Err(_), .. }) => table.push_str(&format!("{begin} not observed |\n")),
            None => {
                old.lines().filter(|row| row.starts_with(&begin)).for_each(|row| table.push_str(&format!("{row}\n")))
            }
        }
    }
    SITUATIONS.write(page, &table)
}

fn times(rules: usize, rows: &BTreeMap<&str, String>) -> String {
    let (interval, hold, count) = (INTERVAL.as_secs(), SCALE.hold.as_secs(), rows.len());
    let mut table = format!(
        "{rules} rules; {count} alerts proven live, scraped and evaluated every {interval} s, with {hold} s in place of each `for`.\n\n\
         | alert | severity | fault | fires after | is resolved after | scaled |\n|---|---|---|---|---|---|\n"
    );
    let in_order = faults().flat_map(|fault| fault.alerts).filter_map(|alert| rows.get(alert));
    in_order.for_each(|row| table.push_str(&format!("{row}\n")));
    table
}

/// The rows of a fault's alerts, if all of them were proven.
fn proven(outcome: &Outcome) -> Vec<(&str, String)> {
    let row = |Arrival { alert, severity, fired, resolved }: &Arrival| {
        let (what, fired, scaled) = (outcome.fault.what, fired.as_secs_f64(), scaled(alert));
        let resolved = if resolved.is_zero() { "by itself".into() } else { format!("{:.1} s", resolved.as_secs_f64()) };
        format!("| [{alert}](runbooks/{alert}.md) | {severity} | {what} | {fired:.1} s | {resolved} | {scaled} |")
    };
    outcome.arrivals.iter().flatten().map(|arrival| (arrival.alert, row(arrival))).collect()
}

/// What the lab scales down in the condition of an alert.
fn scaled(alert: &str) -> String {
    let conditions = SCALE.conditions.iter().filter(|condition| condition.alert == alert);
    let changes: Vec<String> =
        conditions.map(|condition| format!("`{}` to `{}`", condition.from, condition.to)).collect();
    changes.join(", ")
}

/// The rows of times in a page, each with its alert.
fn rows(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let table = TIMES.of(page).unwrap_or_default();
    table.lines().filter_map(|row| Some((row.strip_prefix("| [")?.split_once(']')?.0, row)))
}

fn read(file: &Path) -> Result<String, LabError> {
    fs::read_to_string(file).map_err(LabError::io(format!("reading {}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| [A](a.md) |\n<!-- times: written by make prove -->\n| alert |\n| [B](b.md) | x |\n<!-- end -->\n| [C](c.md) |\n";

    #[test]
    fn rows_are_those_between_the_markers() {
        assert_eq!(rows(PAGE).collect::<Vec<_>>(), [("B", "| [B](b.md) | x |")]);
    }
}
