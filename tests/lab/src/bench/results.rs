//! The figures of a run, and the rows that show them.

use std::collections::HashMap;

use lab::LabError;

use super::subject::Figures;
use super::table::{Table, number};
use crate::meter::ms;

/// Columns of [`row`].
pub const COLUMNS: &str =
    "scrape | series | bytes | first ms | median ms | p99 ms | exporter CPU ms | server CPU ms | RSS MiB | peak MiB";

/// Figures by row and kind of scrape.
#[derive(Default)]
pub struct Results(HashMap<(String, String), Figures>);

impl Results {
    /// Keeps figures, and shows them in a row; a failure is a row, too.
    pub fn add(&mut self, table: &mut Table, name: &str, kind: &str, figures: Result<Figures, LabError>) {
        let title = format!("{name}, {kind}");
        eprintln!("lab: {title}");
        match figures {
            Ok(figures) => {
                table.row(row(&title, &figures));
                self.0.insert((name.to_owned(), kind.to_owned()), figures);
            }
            Err(error) => {
                eprintln!("lab: {title}: {error}");
                table.row([title, "failed".to_owned()]);
            }
        }
    }

    /// The figures of a row.
    pub fn get(&self, name: &str, kind: &str) -> Option<&Figures> {
        self.0.get(&(name.to_owned(), kind.to_owned()))
    }
}

fn row(title: &str, figures: &Figures) -> Vec<String> {
    let memory = |mib: f64| if mib > 0.0 { format!("{mib:.1}") } else { String::new() };
    vec![
        title.to_owned(),
        figures.series.map_or_else(String::new, |series| number(series as f64)),
        number(figures.bytes as f64),
        number(ms(figures.first)),
        number(ms(figures.median())),
        number(ms(figures.p99())),
        figures.own.map_or_else(String::new, |own| number(ms(own))),
        number(ms(figures.server)),
        memory(figures.resident),
        memory(figures.peak),
    ]
}
