//! The table of what was measured, in a page between markers.

use std::fs;
use std::path::Path;

use super::measure::Measured;
use crate::LabError;

const BEGIN: &str = "<!-- faults: written by make chaos -->\n";
const END: &str = "<!-- end -->";

/// Writes the table into a page.
pub fn write(page: &Path, all: &[Measured]) -> Result<(), LabError> {
    let io = |what: &str| LabError::io(format!("{what} {}", page.display()));
    let text = fs::read_to_string(page).map_err(io("reading"))?;
    let text = replaced(&text, &table(all))
        .ok_or_else(|| LabError::Unexpected(format!("{} lacks the markers of its table", page.display())))?;
    fs::write(page, text).map_err(io("writing"))
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

/// The page with another text between the markers.
fn replaced(page: &str, new: &str) -> Option<String> {
    let from = page.find(BEGIN)? + BEGIN.len();
    let to = from + page[from..].find(END)?;
    Some(format!("{}{new}{}", &page[..from], &page[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_markers_is_replaced() {
        let page = format!("before\n{BEGIN}old\n{END}\nafter\n");
        assert_eq!(replaced(&page, "new\n"), Some(format!("before\n{BEGIN}new\n{END}\nafter\n")));
        assert_eq!(replaced("nothing", "new\n"), None);
    }
}
