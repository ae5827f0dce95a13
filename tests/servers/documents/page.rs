//! What a page tells its reader to do, and the output that it shows.

use std::fs;

use support::fenced::{self, Block};
use support::path;

use super::exceptions;

/// A page with commands.
#[derive(Debug, Default)]
pub struct Page {
    /// Its path in the repository.
    pub name: String,
    /// In their order; without those that cannot run here.
    pub steps: Vec<Step>,
    /// Commands that cannot run here, by their index in the exceptions.
    pub excepted: Vec<usize>,
    /// Lines that commands print, each with its number.
    pub outputs: Vec<(usize, String)>,
}

/// One thing to do.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// A file to write: a block below its path.
    File { path: String, text: String },
    /// A block `sh`: a piece of a script, with the line of its fence.
    Script { line: usize, text: String },
    /// What stands behind `$` in a block `console`.
    Command { line: usize, text: String },
}

/// README.md and all pages of docs, but for the runbooks, which have tests of their own, and the generated ones.
pub fn all() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/guide"] {
        let files = fs::read_dir(path(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.extend(files.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    names.sort();
    names.into_iter().map(|name| read(&name, &fs::read_to_string(path(&name)).unwrap())).collect()
}

fn read(name: &str, text: &str) -> Page {
    let mut page = Page { name: name.to_owned(), ..Page::default() };
    let mut is_after_script = false;
    for block in fenced::parse(name, text).blocks {
        let language = block.words.first().map_or("", String::as_str);
        match (language, &block.path) {
            ("", _) => panic!("{name}:{}: a block has no language: write text if it has none", block.line),
            ("bash" | "shell" | "zsh", _) => panic!("{name}:{}: write sh or console", block.line),
            ("sh", _) => page.add_script(&block),
            ("console", _) => page.add_commands(&block),
            ("text", _) if is_after_script => page.add_output(&block),
            (_, Some(path)) => page.steps.push(Step::File { path: path.clone(), text: block.text.clone() }),
            _ => {}
        }
        is_after_script = language == "sh";
    }
    // A page that only shows files has nothing to run.
    if page.steps.iter().all(|step| matches!(step, Step::File { .. })) {
        page.steps.clear();
    }
    page
}

impl Page {
    /// Whether a command of it has these words.
    pub fn runs(&self, words: &str) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Script { text, .. } | Step::Command { text, .. } => text.contains(words),
            Step::File { .. } => false,
        })
    }

    fn add_script(&mut self, block: &Block) {
        match exceptions::find(&self.name, &block.text) {
            Some(exception) => self.excepted.push(exception),
            None => self.steps.push(Step::Script { line: block.line, text: block.text.clone() }),
        }
    }

    fn add_output(&mut self, block: &Block) {
        let lines = block.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        self.outputs.extend(lines.map(|(at, line)| (block.line + 1 + at, line.to_owned())));
    }

    /// Commands with the lines that continue them, and between them what they print. A line is continued by `\` at its end,
    /// or until `END` if it has `<<'END'`.
    fn add_commands(&mut self, block: &Block) {
        let mut is_continued = false;
        let mut is_excepted = false;
        let mut is_here = false;
        for (at, line) in block.text.lines().enumerate() {
            let at = block.line + 1 + at;
            let command = line.strip_prefix("$ ");
            if let Some(command) = command {
                let exception = exceptions::find(&self.name, command);
                is_excepted = exception.is_some();
                self.excepted.extend(exception);
                if !is_excepted {
                    self.steps.push(Step::Command { line: at, text: command.to_owned() });
                }
            } else if is_continued && !is_excepted {
                if let Some(Step::Command { text, .. }) = self.steps.last_mut() {
                    *text = format!("{text}\n{line}");
                }
            } else if !is_continued && !is_excepted && !line.trim().is_empty() {
                self.outputs.push((at, line.to_owned()));
            }
            is_here = line.ends_with("<<'END'") || is_here && line != "END";
            is_continued = is_here || (command.is_some() || is_continued) && line.ends_with('\\');
        }
    }
}

#[test]
fn a_page_is_read_as_its_reader_does() {
    let page = read("x.md", "`a.yml`\n\n```yaml\na: 1\n```\n\n```console\n$ one \\\n  --two\nthree\n$ four\n```\n");
    let command = |line, text: &str| Step::Command { line, text: text.to_owned() };
    let file = Step::File { path: "a.yml".to_owned(), text: "a: 1\n".to_owned() };
    assert_eq!(page.steps, [file, command(8, "one \\\n  --two"), command(11, "four")]);
    assert_eq!(page.outputs, [(10, "three".to_owned())]);
}
