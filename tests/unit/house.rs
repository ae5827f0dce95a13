//! The house: no circle between files, no long file or line, no dead link, no forbidden word, no debug text.

mod circles;
mod lengths;
mod links;
mod modules;
mod tokens;
mod tree;
mod words;

use modules::Module;
use words::{Words, collector_texts, rust_texts};

#[test]
fn no_two_files_of_a_crate_use_each_other() {
    let circles: Vec<circles::Use> =
        tree::crates().iter().flat_map(|folder| circles::circles(&modules(folder))).collect();
    report(circles.iter().map(circles::message));
}

#[test]
fn no_rust_file_is_longer_than_400_lines() {
    let files = ["exporters", "tests"].map(|folder| tree::texts(folder, &["rs"])).concat();
    report(files.iter().filter_map(|(file, text)| lengths::long_file(file, text)));
}

/// What Rust prints for programmers is no message: `Text("a")`, `5s`. Tests may use it.
#[test]
fn no_message_has_debug_text() {
    let files = tree::texts("exporters", &["rs"]).into_iter();
    let files = files.filter(|(file, _)| {
        !["/tests.rs", "/fuzz.rs"].iter().any(|name| file.ends_with(name)) && !file.contains("/tests/")
    });
    report(files.flat_map(|(file, text)| {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        let lines = code
            .lines()
            .enumerate()
            .filter(|(_, line)| (line.contains(":?}") || line.contains(":#?}")) && !line.contains("assert"));
        lines.map(|(at, line)| format!("{file}:{}: {}", at + 1, line.trim())).collect::<Vec<_>>()
    }));
}

#[test]
fn no_markdown_line_is_longer_than_100_characters() {
    let files = tree::texts("", &["md"]);
    report(files.iter().flat_map(|(file, text)| lengths::long_lines(file, text)));
}

#[test]
fn every_link_of_markdown_leads_somewhere() {
    let files = tree::texts("", &["md"]);
    let documents = files.iter().map(|(file, text)| (file.clone(), links::Document::read(file, text))).collect();
    report(links::broken(&documents, |path| tree::root().join(path).exists()).into_iter());
}

/// A page that the summary lacks is not in the book.
#[test]
fn the_book_has_every_page_of_docs() {
    let summary = std::fs::read_to_string(tree::root().join("docs/SUMMARY.md")).unwrap();
    let pages = tree::texts("docs", &["md"]).into_iter().map(|(file, _)| file.replacen("docs/", "", 1));
    // The runbooks are added by docs/book.py.
    let pages = pages.filter(|page| page != "SUMMARY.md" && !page.starts_with("runbooks/"));
    report(
        pages
            .filter(|page| !summary.contains(&format!("({page})")))
            .map(|page| format!("docs/SUMMARY.md lacks {page}")),
    );
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
    for (file, text) in ["collectors", "findings"].map(|folder| tree::texts(folder, &["yml"])).concat() {
        found.extend(find(&file, collector_texts(&text)));
    }
    for (file, text) in tree::texts("exporters", &["rs"]) {
        found.extend(find(&file, rust_texts(&text)));
    }
    report(found.into_iter());
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

/// Fails with all failures, if there are any.
fn report(failures: impl Iterator<Item = String>) {
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
