//! The fenced blocks of a Markdown page, and its lines outside of them.

/// A page, taken apart.
#[derive(Debug, Default)]
pub struct Page {
    pub blocks: Vec<Block>,
    /// The lines outside of blocks.
    pub prose: Vec<String>,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// Of its fence, from 1.
    pub line: usize,
    /// The words after the fence: `sql standby 16`.
    pub words: Vec<String>,
    /// The path that the line before it names, alone and as code.
    pub path: Option<String>,
    pub text: String,
}

impl Block {
    /// Its language: the first word.
    pub fn is(&self, language: &str) -> bool {
        self.words.first().is_some_and(|word| word == language)
    }
}

/// Reads a page; `name` is what a failure calls it.
pub fn parse(name: &str, text: &str) -> Page {
    let mut page = Page::default();
    // Of the fence of the open block: a block in a list is indented as a whole.
    let mut indent = None;
    for (at, line) in text.lines().enumerate() {
        let content = line.trim_start();
        match (content.strip_prefix("```"), indent) {
            (Some(words), None) => {
                indent = Some(line.len() - content.len());
                let words = words.split_whitespace().map(str::to_owned).collect();
                let path = named_path(&page.prose);
                page.blocks.push(Block { line: at + 1, words, path, text: String::new() });
                // The line before the next block is one after this.
                page.prose.push(String::new());
            }
            (Some(_), Some(_)) => indent = None,
            (None, Some(indent)) => {
                let line = line.get(indent..).unwrap_or(content);
                let block = page.blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => page.prose.push(line.to_owned()),
        }
    }
    assert!(indent.is_none(), "{name}: a block does not end");
    page
}

/// The path in a line such as `` `own.yml` ``, if it is the last that is not empty before a block.
fn named_path(prose: &[String]) -> Option<String> {
    let [.., named, blank] = prose else { return None };
    let path = named.trim().strip_prefix('`')?.strip_suffix('`')?;
    (blank.is_empty() && !path.contains('`')).then(|| path.to_owned())
}
