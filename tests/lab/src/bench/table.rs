//! Tables: aligned for a terminal, and Markdown to paste.

/// A table that is printed once it is complete.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one with these columns, separated by `|`; the first is text, the others are numbers.
    pub fn new(columns: &str) -> Self {
        Self { rows: vec![columns.split('|').map(|name| name.trim().to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it under a title.
    pub fn print(&self, title: &str) {
        println!("\n### {title}\n\n{}", self.text());
    }

    fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &'_ Vec<String>, at: usize| row.get(at).cloned().unwrap_or_default();
        let width = |at| self.rows.iter().map(|row| cell(row, at).chars().count()).max().unwrap_or_default().max(2);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| -> String {
            let cells = widths.iter().enumerate().map(|(at, &width)| match at {
                0 => format!("| {:<width$} |", cell(row, at)),
                _ => format!(" {:>width$} |", cell(row, at)),
            });
            cells.collect::<String>() + "\n"
        };
        let rule = widths.iter().enumerate().map(|(at, &width)| match at {
            0 => format!("|{}|", "-".repeat(width + 2)),
            _ => format!("{}:|", "-".repeat(width + 1)),
        });
        let rule = rule.collect::<String>() + "\n";
        let mut lines = self.rows.iter().map(line);
        lines.next().unwrap_or_default() + &rule + &lines.collect::<String>()
    }
}

/// A number with as many digits as say something.
pub fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => grouped(value),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_markdown() {
        let mut table = Table::new("scrape | ms");
        table.row(["cold".to_owned(), number(1234.5)]);
        table.row(["warm, gzip".to_owned(), number(7.126)]);
        let text = "| scrape     |    ms |\n|------------|------:|\n| cold       | 1,234 |\n| warm, gzip |  7.13 |\n";
        assert_eq!(table.text(), text);
    }

    #[test]
    fn numbers_have_three_digits_or_more() {
        assert_eq!(
            [0.0, 9.876, 98.76, 987.6, 9876.0, 1_234_567.0].map(number),
            ["0.00", "9.88", "98.8", "988", "9,876", "1,234,567"]
        );
    }
}
