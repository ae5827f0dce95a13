//! Circles between the files of a crate: a file that uses an item of another, which uses one of the first.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Module, Path};

/// That a file uses another one: where for the first time, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub from: String,
    pub line: usize,
    pub items: BTreeSet<String>,
    pub to: String,
}

/// The uses that make circles: what is used leads back to the file that uses it.
pub fn circles(modules: &[Module]) -> Vec<Use> {
    let files = Files(modules.iter().map(|module| (module.path.clone(), module)).collect());
    let uses: Vec<Use> = modules.iter().flat_map(|module| files.uses_of(module)).collect();
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in &uses {
        next.entry(&one.from).or_default().insert(&one.to);
    }
    uses.iter().filter(|one| reaches(&next, &one.to, &one.from)).cloned().collect()
}

/// Whether `to` is used by `from`, or by what that uses.
fn reaches(next: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        if file == to {
            return true;
        }
        open.extend(next.get(file).into_iter().flatten().filter(|file| seen.insert(file)));
    }
    false
}

/// The failure in words.
pub fn message(one: &Use) -> String {
    let items = one.items.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let (file, line, to) = (&one.from, one.line, &one.to);
    format!("{file}:{line}: uses {items} of {to}, which leads back here: move what both need to a file of its own")
}

/// The files of a crate by the paths of their modules.
struct Files<'a>(BTreeMap<Path, &'a Module>);

impl Files<'_> {
    /// The other files that one uses.
    fn uses_of(&self, module: &Module) -> Vec<Use> {
        let mut found: BTreeMap<String, Use> = BTreeMap::new();
        let mut note = |to: &str, item: String, line: usize| {
            if to != module.file {
                let (from, to) = (module.file.clone(), to.to_owned());
                let one = found.entry(to.clone()).or_insert(Use { from, line, items: BTreeSet::new(), to });
                one.items.insert(item);
                one.line = one.line.min(line);
            }
        };
        for (path, line) in &module.uses {
            if let Some((file, item)) = self.defining_file(path, 0) {
                note(file, item, *line);
            }
        }
        for (path, line) in &module.globs {
            if let Some(to) = self.0.get(path) {
                note(&to.file, "*".to_owned(), *line);
            }
        }
        found.into_values().collect()
    }

    /// The file that defines what a path names, through re-exports; `None` for a module itself and for other crates.
    fn defining_file(&self, path: &Path, depth: usize) -> Option<(&str, String)> {
        let known = (0..path.len()).rev().find_map(|length| Some((length, self.0.get(&path[..length])?)));
        let (length, module) = known?;
        if depth > 20 || path.first().is_some_and(|first| first == "::") || self.0.contains_key(path) {
            return None;
        }
        let name = &path[length];
        if module.items.contains(name) {
            return Some((&module.file, name.clone()));
        }
        if let Some(target) = module.imports.get(name) {
            let rest = path[length + 1..].iter().cloned();
            let target: Path = target.iter().cloned().chain(rest).collect();
            return self.defining_file(&target, depth + 1);
        }
        module.globs.iter().find_map(|(glob, _)| {
            let target: Path = glob.iter().chain(&path[length..]).cloned().collect();
            self.defining_file(&target, depth + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let path = |file: &str| {
            let parts = file.trim_end_matches(".rs").split('/').map(str::to_owned);
            parts.filter(|part| part != "lib" && part != "mod").collect()
        };
        let modules: Vec<Module> = files.iter().map(|(file, text)| Module::read(file, path(file), text)).collect();
        circles(&modules).iter().map(|one| format!("{}:{} {:?} {}", one.from, one.line, one.items, one.to)).collect()
    }

    #[test]
    fn finds_files_that_use_each_other() {
        let circle = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b::B;\npub struct A;"),
            ("b.rs", "struct B;\nfn b(_: crate::a::A) {}"),
        ];
        assert_eq!(found(&circle), ["a.rs:1 {\"B\"} b.rs", "b.rs:2 {\"A\"} a.rs"]);
    }

    #[test]
    fn finds_a_circle_of_three_and_through_an_imported_module() {
        let circle = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use super::b;\nfn a() { b::b() }"),
            ("b.rs", "use crate::{c::C as Other};\nfn b() {}"),
            ("c.rs", "pub enum C {}\nfn c() { crate::a::a() }"),
        ];
        assert_eq!(found(&circle).len(), 3);
    }

    #[test]
    fn finds_a_child_that_uses_what_its_parent_defines() {
        let circle = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b;\nuse b::B;\nstruct A(B);"),
            ("a/b.rs", "use super::A;\nstruct B;"),
        ];
        assert_eq!(found(&circle), ["a/mod.rs:2 {\"B\"} a/b.rs", "a/b.rs:1 {\"A\"} a/mod.rs"]);
    }

    #[test]
    fn follows_names_that_are_handed_on_to_their_file() {
        let straight = [
            ("lib.rs", "mod a;\nmod d;"),
            ("a/mod.rs", "mod b;\nmod c;\npub use b::B;\npub(crate) use c::{C, self};"),
            ("a/b.rs", "use super::C;\npub struct B(C);"),
            ("a/c.rs", "use std::fmt::Display;\npub struct C;\n#[cfg(test)]\nmod tests { use super::super::B; }"),
            ("d.rs", "use crate::a::{B, c::C};"),
        ];
        assert_eq!(found(&straight), [""; 0]);
    }

    #[test]
    fn a_name_that_is_handed_on_and_used_counts_as_used() {
        let circle = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b;\npub use b::B;\nstruct A(B);"),
            ("a/b.rs", "fn b(_: super::A) {}\npub struct B;"),
        ];
        assert_eq!(found(&circle).len(), 2);
    }
}
