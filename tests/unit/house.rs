//! The house: no circle between files, no long file or line, no forbidden word.

mod circles;
mod lengths;
mod modules;
mod tokens;
mod tree;
mod words;

use modules::Module;
use words::{Words, collector_texts, rust_texts};

/// Where circles are still allowed: below these paths. To be mended; nothing is to be added.
const CIRCLES_TO_BE_MENDED: &[&str] = &["exporters/engine/src/collector/"];

/// Files that are still longer. To be split.
const FILES_TO_BE_SPLIT: &[&str] =
    &["tests/servers/connection.rs", "tests/servers/pgbackrest/reading.rs", "tests/servers/versions.rs"];

/// Where forbidden words are still to be replaced.
const WORDS_TO_BE_REPLACED: &[&str] = &["collectors/", "docs/reference/"];

#[test]
fn no_two_files_of_a_crate_use_each_other() {
    let circles: Vec<circles::Use> =
        tree::crates().iter().flat_map(|folder| circles::circles(&modules(folder))).collect();
    report(circles.iter().filter(|one| !is_below(&one.from, CIRCLES_TO_BE_MENDED)).map(circles::message));
}

#[test]
fn no_rust_file_is_longer_than_400_lines() {
    let files = ["exporters", "tests"].map(|folder| tree::texts(folder, &["rs"])).concat();
    let files = files.iter().filter(|(file, _)| !is_below(file, FILES_TO_BE_SPLIT));
    report(files.filter_map(|(file, text)| lengths::long_file(file, text)));
}

#[test]
fn no_markdown_line_is_longer_than_100_characters() {
    let files = tree::texts("", &["md"]);
    report(files.iter().flat_map(|(file, text)| lengths::long_lines(file, text)));
}

#[test]
fn no_user_reads_a_forbidden_word() {
    let list = std::fs::read_to_string(tree::root().join("tests/lint/forbidden_words.txt")).unwrap();
    let words = Words::read(&list, "everywhere");
    let find = |file: &str, texts: Vec<(usize, String)>| -> Vec<String> {
        texts.iter().flat_map(|(line, text)| words.find(file, *line, text)).collect()
    };
    let mut found = Vec::new();
    for (file, text) in tree::texts("", &["md"]) {
        found.extend(words.find(&file, 1, &text));
    }
    for (file, text) in tree::texts("collectors", &["yml"]) {
        found.extend(find(&file, collector_texts(&text)));
    }
    for (file, text) in tree::texts("exporters", &["rs"]) {
        found.extend(find(&file, rust_texts(&text)));
    }
    report(found.into_iter().filter(|failure| !is_below(failure, WORDS_TO_BE_REPLACED)));
}

/// The files of a crate, without those of its tests.
fn modules(folder: &str) -> Vec<Module> {
    let module = |(file, text): &(String, String)| {
        let path = file.strip_prefix(folder)?.trim_start_matches('/').strip_suffix(".rs")?;
        let parts = path.split('/').filter(|part| !matches!(*part, "lib" | "mod")).map(str::to_owned);
        let parts: Vec<String> = parts.collect();
        (!parts.iter().any(|part| part == "tests")).then(|| Module::read(file, parts, text))
    };
    let modules: Vec<Module> = tree::texts(folder, &["rs"]).iter().filter_map(module).collect();
    assert!(!modules.is_empty(), "no file in {folder}");
    modules
}

/// Whether a path begins with one of these.
fn is_below(file: &str, paths: &[&str]) -> bool {
    paths.iter().any(|path| file.starts_with(path))
}

/// Fails with all failures, if there are any.
fn report(failures: impl Iterator<Item = String>) {
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
