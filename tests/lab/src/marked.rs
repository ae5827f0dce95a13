//! The parts of a page that a command writes, between markers.

use std::fs;
use std::path::Path;

use crate::error::LabError;

const END: &str = "<!-- end -->";

/// What a command may write into a page, from a line with its name and the goal that writes it to the next end.
#[derive(Debug, Clone, Copy)]
pub struct Marked {
    /// The part's name.
    pub name: &'static str,
    /// The goal of the Makefile.
    pub goal: &'static str,
}

impl Marked {
    /// The part as it is on the page.
    pub fn of(self, page: &str) -> Option<&str> {
        self.split(page).map(|(_, part, _)| part)
    }

    /// Writes it into a page.
    pub fn write(self, page: &Path, new: &str) -> Result<(), LabError> {
        let text = fs::read_to_string(page).map_err(LabError::io(format!("reading {}", page.display())))?;
        let (before, _, after) = self
            .split(&text)
            .ok_or_else(|| LabError::Unexpected(format!("{} lacks the line {:?}", page.display(), self.begin())))?;
        fs::write(page, format!("{before}{new}{after}")).map_err(LabError::io(format!("writing {}", page.display())))
    }

    /// A page before, between and after the markers, which belong to the outer parts.
    fn split(self, page: &str) -> Option<(&str, &str, &str)> {
        let begin = self.begin();
        let from = page.find(&begin)? + begin.len();
        let length = page[from..].find(END)?;
        Some((&page[..from], &page[from..from + length], &page[from + length..]))
    }

    fn begin(self) -> String {
        format!("<!-- {}: written by make {} -->\n", self.name, self.goal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "before\n<!-- times: written by make prove -->\n| alert |\n<!-- end -->\nafter\n";

    #[test]
    fn what_is_between_the_markers_changes() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.md");
        fs::write(&page, PAGE).unwrap();
        let times = Marked { name: "times", goal: "prove" };
        assert_eq!(times.of(PAGE), Some("| alert |\n"));
        times.write(&page, "new\n").unwrap();
        assert_eq!(fs::read_to_string(&page).unwrap(), PAGE.replace("| alert |", "new"));
        let error = Marked { name: "other", goal: "prove" }.write(&page, "new\n").unwrap_err().to_string();
        assert!(error.contains("<!-- other: written by make prove -->"), "{error}");
    }
}
