//! The table of what was proven, in a page between two markers.

use std::fs;
use std::path::Path;

use super::{Arrival, INTERVAL, Outcome, SCALE, Shortlived};
use crate::{LabError, rule_files};

const BEGIN: &str = "<!-- written by `make prove`: begin -->\n";
const END: &str = "<!-- written by `make prove`: end -->";

/// The alerts that have a row between the markers of a page, in its order.
pub fn tabled(page: &str) -> Vec<&str> {
    let tables = page.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let rows = tables.map_or("", |(tables, _)| tables).lines().filter_map(|line| line.strip_prefix("| ["));
    rows.filter_map(|row| row.split_once(']')).map(|(alert, _)| alert).collect()
}

/// Writes the tables of a whole series in place of those between the markers of a page.
pub(super) fn write(
    page: &Path,
    alerts: &Path,
    outcomes: &[Outcome],
    shortlived: &[Shortlived],
) -> Result<(), LabError> {
    let text = fs::read_to_string(page).map_err(LabError::io(format!("reading {}", page.display())))?;
    let rules = rule_files(alerts).iter().map(|file| count_of_alerts(file)).sum::<Result<usize, _>>()?;
    let tables = format!("{}\n{}", proven(rules, outcomes), near(shortlived));
    let placed = placed(&text, &tables)
        .ok_or_else(|| LabError::Unexpected(format!("{} lacks the markers {BEGIN:?} and {END:?}", page.display())))?;
    fs::write(page, placed).map_err(LabError::io(format!("writing {}", page.display())))
}

fn count_of_alerts(file: &Path) -> Result<usize, LabError> {
    let text = fs::read_to_string(file).map_err(LabError::io(format!("reading {}", file.display())))?;
    Ok(text.matches("- alert: ").count())
}

fn placed(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}

fn proven(rules: usize, outcomes: &[Outcome]) -> String {
    let arrivals: Vec<(&Outcome, &Arrival)> = outcomes
        .iter()
        .flat_map(|outcome| outcome.arrivals.iter().flatten().map(move |arrival| (outcome, arrival)))
        .collect();
    let (count, faults, interval, hold) = (arrivals.len(), outcomes.len(), INTERVAL.as_secs(), SCALE.hold.as_secs());
    let mut table = format!(
        "Of {rules} rules {count} were proven by {faults} faults, scraped and evaluated every {interval} s, with {hold} s in place of every `for`.\n\n\
         | alert | severity | fault | fires after | is resolved after | scaled |\n|---|---|---|---|---|---|\n"
    );
    for (outcome, Arrival { alert, severity, fired, resolved }) in arrivals {
        let what = outcome.fault.what;
        let (fired, resolved) = (fired.as_secs_f64(), resolved.as_secs_f64());
        let scaled = scaled(alert);
        table.push_str(&format!(
            "| [{alert}](runbooks/{alert}.md) | {severity} | {what} | {fired:.1} s | {resolved:.1} s | {scaled} |\n"
        ));
    }
    table
}

/// What the lab scales down in the condition of an alert.
fn scaled(alert: &str) -> String {
    let conditions = SCALE.conditions.iter().filter(|condition| condition.alert == alert);
    let changes: Vec<String> =
        conditions.map(|condition| format!("`{}`: `{}`", condition.from, condition.to)).collect();
    changes.join(", ")
}

fn near(shortlived: &[Shortlived]) -> String {
    let mut table = "After a primary was killed under the rules’ own `for`, these conditions held for a while and brought no alert:\n\n\
                     | alert | severity | held for | `for` |\n|---|---|---|---|\n"
        .to_owned();
    for Shortlived { alert, severity, held, hold } in shortlived {
        let (held, hold) = (held.as_secs(), hold.as_secs());
        table.push_str(&format!("| {alert} | {severity} | {held} s | {hold} s |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = format!("# A\n{BEGIN}old{END}\nB\n");
        assert_eq!(placed(&page, "new\n"), Some(format!("# A\n{BEGIN}new\n{END}\nB\n")));
        assert_eq!(placed("# A\n", "new\n"), None);
    }

    #[test]
    fn alerts_with_a_row_are_found() {
        let page = format!("| [A](a.md) |\n{BEGIN}| alert |\n|---|\n| [B](b.md) | x |\n{END}\n| [C](c.md) |\n");
        assert_eq!(tabled(&page), ["B"]);
    }
}
