//! The pages of `docs/runbooks`: their headings and their fenced blocks.

use std::fs;

use crate::fenced;
pub use crate::fenced::Block;

/// One page.
pub struct Runbook {
    /// The alert's name.
    pub alert: String,
    /// The lines that begin with `#`, outside of blocks.
    pub headings: Vec<String>,
    pub blocks: Vec<Block>,
}

/// All pages, by name.
pub fn runbooks() -> Vec<Runbook> {
    let files = fs::read_dir(super::path("docs/runbooks")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "md")).collect();
    files.sort();
    let page = |file: &std::path::PathBuf| {
        parse(file.file_stem().unwrap().to_str().unwrap(), &fs::read_to_string(file).unwrap())
    };
    let pages: Vec<_> = files.iter().map(page).collect();
    assert!(pages.len() > 80, "only {} runbooks are read", pages.len());
    pages
}

fn parse(alert: &str, text: &str) -> Runbook {
    let page = fenced::parse(alert, text);
    let headings = page.prose.into_iter().filter(|line| line.starts_with('#')).collect();
    Runbook { alert: alert.to_owned(), headings, blocks: page.blocks }
}
