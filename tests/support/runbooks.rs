//! The pages of `docs/runbooks`: their headings and their fenced blocks.

use std::fs;

/// One page.
pub struct Runbook {
    /// The alert's name.
    pub alert: String,
    /// The lines that begin with `#`, outside of blocks.
    pub headings: Vec<String>,
    pub blocks: Vec<Block>,
}

/// A fenced block.
pub struct Block {
    /// Of its fence, from 1.
    pub line: usize,
    /// The words after the fence: `sql standby 16`.
    pub words: Vec<String>,
    pub text: String,
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
    let mut page = Runbook { alert: alert.to_owned(), headings: Vec::new(), blocks: Vec::new() };
    // Of the fence of the open block: a block in a list is indented as a whole.
    let mut indent = None;
    for (at, line) in text.lines().enumerate() {
        let content = line.trim_start();
        match (content.strip_prefix("```"), indent) {
            (Some(words), None) => {
                indent = Some(line.len() - content.len());
                let words = words.split_whitespace().map(str::to_owned).collect();
                page.blocks.push(Block { line: at + 1, words, text: String::new() });
            }
            (Some(_), Some(_)) => indent = None,
            (None, Some(indent)) => {
                let line = line.get(indent..).unwrap_or(content);
                let block = page.blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) if line.starts_with('#') => page.headings.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(indent.is_none(), "{alert}: a block does not end");
    page
}

impl Block {
    /// Its language: the first word.
    pub fn is(&self, language: &str) -> bool {
        self.words.first().is_some_and(|word| word == language)
    }
}
