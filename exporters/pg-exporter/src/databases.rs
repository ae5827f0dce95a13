//! Selects the databases to read besides the main one.

use globset::{Glob, GlobMatcher};

/// The rules of auto-discovery. Exclusion overrides inclusion.
#[derive(Debug, Clone)]
pub(crate) struct Discovery {
    on: bool,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// A name; with one of the characters `*?[` it is also a glob.
#[derive(Debug, Clone)]
struct Pattern {
    name: String,
    glob: Option<GlobMatcher>,
}

impl Discovery {
    /// Parses the comma-separated lists of the flags.
    ///
    /// # Errors
    /// If a glob is malformed.
    pub(crate) fn new(on: bool, include: &str, exclude: &str) -> Result<Self, globset::Error> {
        Ok(Self { on, include: patterns(include)?, exclude: patterns(exclude)? })
    }

    /// The databases to read.
    pub(crate) fn select(&self, databases: Vec<String>) -> Vec<String> {
        let wanted = |name: &String| {
            self.on
                && !self.exclude.iter().any(|pattern| pattern.matches(name))
                && (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(name)))
        };
        databases.into_iter().filter(wanted).collect()
    }
}

fn patterns(list: &str) -> Result<Vec<Pattern>, globset::Error> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let glob = if name.contains(['*', '?', '[']) { Some(Glob::new(name)?.compile_matcher()) } else { None };
            Ok(Pattern { name: name.to_owned(), glob })
        })
        .collect()
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        self.name == name || self.glob.as_ref().is_some_and(|glob| glob.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(on: bool, include: &str, exclude: &str) -> Vec<String> {
        let names = ["app", "app_test", "postgres", "we[ird", "Shop", "{x}"].map(String::from).into();
        Discovery::new(on, include, exclude).unwrap().select(names)
    }

    #[test]
    fn includes_and_excludes_names_and_globs() {
        assert_eq!(select(true, "", "postgres,{x}"), ["app", "app_test", "we[ird", "Shop"]);
        assert_eq!(select(true, "app*", "*_test"), ["app"]);
        assert_eq!(select(true, "shop, Shop", ""), ["Shop"]);
        assert!(select(false, "", "").is_empty());
        assert!(Discovery::new(true, "x[", "").is_err());
    }
}
