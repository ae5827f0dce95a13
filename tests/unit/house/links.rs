//! Links of Markdown files to other files of the repository, and to headings in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use support::fenced;

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").unwrap());
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`]*`").unwrap());

/// A Markdown file: its text outside of code, line by line, and the names of its headings.
pub struct Document {
    prose: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Document {
    pub fn read(file: &str, text: &str) -> Document {
        let prose = fenced::parse(file, text).prose;
        let mut anchors = BTreeSet::new();
        for heading in prose.iter().filter_map(|line| line.strip_prefix('#')) {
            let name = anchor(heading.trim_start_matches('#'));
            // The second of a name is `name-1`.
            let numbered = (1..).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !anchors.contains(name));
            anchors.extend(free);
        }
        Document { prose, anchors }
    }
}

/// The name of a heading in links: lower case, without punctuation, with hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

/// The failures of all files: links to files that `exists` does not know, and to headings that are not there.
pub fn broken(documents: &BTreeMap<String, Document>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (file, document) in documents {
        for target in document.prose.iter().flat_map(|line| targets(line)) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let to = resolved(file, path);
            if !exists(&to) {
                found.push(format!("{file}: {target} is no file"));
            } else if !anchor.is_empty() && documents.get(&to).is_some_and(|to| !to.anchors.contains(anchor)) {
                found.push(format!("{file}: {target}: no such heading"));
            }
        }
    }
    found
}

/// The targets of links in a line that are files of the repository.
fn targets(line: &str) -> Vec<String> {
    let prose = CODE.replace_all(line, "");
    let targets = LINK.captures_iter(&prose).map(|link| link[1].to_owned());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// A path as `file` names it, from the root of the repository.
fn resolved(file: &str, path: &str) -> String {
    if path.is_empty() {
        return file.to_owned();
    }
    let mut resolved = PathBuf::new();
    for part in Path::new(file).parent().unwrap().join(path).components() {
        match part {
            Component::ParentDir => assert!(resolved.pop(), "{file}: {path} leads out of the repository"),
            part => resolved.push(part),
        }
    }
    resolved.display().to_string()
}

#[test]
fn finds_links_that_lead_nowhere() {
    let text = "# One `two`\n[a](b.md#there) [c](../d.md) [e](#one-two) `[f](g.md)`\n[h](b.md#gone)\n";
    let documents = BTreeMap::from([
        ("docs/a.md".to_owned(), Document::read("docs/a.md", text)),
        ("docs/b.md".to_owned(), Document::read("docs/b.md", "# There\n")),
    ]);
    let found = broken(&documents, |path| path.starts_with("docs/"));
    assert_eq!(found, ["docs/a.md: ../d.md is no file", "docs/a.md: b.md#gone: no such heading"]);
}
