//! The files of a crate: which items each defines, which names it imports, which paths it uses.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Kind, Token, tokens};

/// A path through modules, from the root of the crate.
pub type Path = Vec<String>;

/// One file of a crate.
#[derive(Debug, Default)]
pub struct Module {
    /// Where it is, for messages.
    pub file: String,
    pub path: Path,
    /// Items and modules at its top level.
    pub items: BTreeSet<String>,
    /// Names that its `use` statements bring, and what they stand for.
    pub imports: BTreeMap<String, Path>,
    /// Modules all of whose names it brings.
    pub globs: Vec<(Path, usize)>,
    /// Paths that it uses, and the line of each.
    pub uses: Vec<(Path, usize)>,
}

impl Module {
    /// Reads one file; `path` is that of its module.
    pub fn read(file: &str, path: Path, source: &str) -> Self {
        let mut module = Self { file: file.to_owned(), path, ..Self::default() };
        let tokens: Vec<Token> =
            tokens(source).into_iter().filter(|token| matches!(token.kind, Kind::Word | Kind::Sign)).collect();
        module.items = items(&tokens);
        let code = module.take_imports(&tokens);
        module.take_paths(&code);
        module
    }

    /// Reads the `use` statements; gives the other tokens. What is only handed on (`pub use`) is used by nobody here.
    fn take_imports(&mut self, tokens: &[Token]) -> Vec<Token> {
        let mut code = Vec::new();
        let mut handed_on = Vec::new();
        let mut rest = tokens;
        while let Some(first) = rest.first() {
            let is_public = matches!(code.last(), Some(last) if is_visibility_end(last));
            if !first.is("use") {
                code.push(first.clone());
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|token| token.is(";")).unwrap_or(rest.len() - 1);
            for (name, path) in use_tree(&rest[1..end], Vec::new()) {
                let path = self.absolute(path);
                match name.as_str() {
                    "*" => self.globs.push((path, first.line)),
                    _ => {
                        handed_on.extend(is_public.then(|| name.clone()));
                        self.imports.insert(name, path);
                    }
                }
            }
            let line = first.line;
            rest = &rest[end + 1..];
            let used = self.imports.iter().filter(|(name, _)| !handed_on.contains(name));
            let known: BTreeSet<Path> = self.uses.iter().map(|(path, _)| path.clone()).collect();
            let new: Vec<_> = used.filter(|(_, path)| !known.contains(*path)).map(|(_, path)| path.clone()).collect();
            self.uses.extend(new.into_iter().map(|path| (path, line)));
        }
        // A name that is handed on and used as well.
        for name in handed_on {
            if let (Some(token), Some(path)) = (code.iter().find(|token| token.is(&name)), self.imports.get(&name)) {
                self.uses.push((path.clone(), token.line));
            }
        }
        code
    }

    /// Notes the paths outside of `use` that begin with `crate`, `self`, `super`, an import or a module of this one.
    fn take_paths(&mut self, code: &[Token]) {
        let mut at = 0;
        while at < code.len() {
            let mut path = vec![code[at].text.clone()];
            let line = code[at].line;
            let begins = code[at].kind == Kind::Word && !(at > 0 && code[at - 1].is("::"));
            at += 1;
            while begins && at + 1 < code.len() && code[at].is("::") && code[at + 1].kind == Kind::Word {
                path.push(code[at + 1].text.clone());
                at += 2;
            }
            if path.len() > 1 {
                let path = self.absolute(path);
                self.uses.push((path, line));
            }
        }
    }

    /// The path from the root of the crate; one of another crate begins with `::`.
    fn absolute(&self, path: Path) -> Path {
        let mut base = self.path.clone();
        let mut rest = path.as_slice();
        match rest.first().map(String::as_str) {
            Some("crate") => (base, rest) = (Vec::new(), &rest[1..]),
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            Some(first) if self.imports.contains_key(first) => (base, rest) = (self.imports[first].clone(), &rest[1..]),
            Some(first) if self.items.contains(first) => {}
            _ => base = vec!["::".to_owned()],
        }
        base.extend_from_slice(rest);
        base
    }
}

/// Whether what came before a `use` makes it public: `pub`, or the parenthesis of `pub(crate)`.
fn is_visibility_end(token: &Token) -> bool {
    token.is("pub") || token.is(")")
}

/// Names of the items at the top level.
fn items(tokens: &[Token]) -> BTreeSet<String> {
    const KEYWORDS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "union"];
    let mut depth = 0_usize;
    let mut found = BTreeSet::new();
    for pair in tokens.windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            word if depth == 0 && KEYWORDS.contains(&word) => {
                found.insert(pair[1].text.clone());
            }
            _ => {}
        }
    }
    found
}

/// The names that a use tree brings, each with its path.
fn use_tree(tokens: &[Token], mut path: Path) -> Vec<(String, Path)> {
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        if first.is("{") {
            return branches(after).into_iter().flat_map(|branch| use_tree(branch, path.clone())).collect();
        }
        if first.is("as") {
            let name = after.first().map_or_else(String::new, |token| token.text.clone());
            return vec![(name, path)];
        }
        if first.is("*") {
            return vec![("*".to_owned(), path)];
        }
        // `a::{self}` is `a`.
        if first.kind == Kind::Word && (path.is_empty() || !first.is("self")) {
            path.push(first.text.clone());
        }
        rest = after;
    }
    path.last().cloned().map(|name| (name, path)).into_iter().collect()
}

/// What stands between the commas of a brace's content.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    let mut begin = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 0 => {
                found.push(&tokens[begin..at]);
                break;
            }
            "}" => depth -= 1,
            "," if depth == 0 => {
                found.push(&tokens[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|branch| !branch.is_empty());
    found
}
