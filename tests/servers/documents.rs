//! Every command in README.md and in docs runs as it is written. What cannot run here is named, with the reason.

mod exceptions;
mod page;
mod script;
mod stage;

use std::sync::Mutex;
use std::thread;

use page::Page;
use regex::Regex;
use stage::Stage;

/// Pages that run at once: each has a server of its own.
const AT_ONCE: usize = 2;

/// Fails with what a page says that is not so: a command that fails, or output that is another.
fn try_page(page: &Page) -> Result<(), String> {
    let stage = Stage::new(page);
    let said = stage.run(&script::of(page)).map_err(|error| format!("{}: {error}", page.name))?;
    let missing: Vec<String> = page
        .outputs
        .iter()
        .filter(|(_, line)| !said.lines().any(|other| expected(&stage.here(line)).is_match(other)))
        .map(|(at, line)| format!("{}:{at}: no command prints `{line}`", page.name))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{}\n{said}", missing.join("\n"))) }
}

/// A line of output, whatever its numbers are, and whatever stands for `…`.
fn expected(line: &str) -> Regex {
    let words: Vec<String> = line.split_whitespace().map(regex::escape).collect();
    let digits = Regex::new(r"[0-9]+(\\\.[0-9]+)*").unwrap();
    let pattern = digits.replace_all(&words.join(r"\s+"), "[0-9.]+").replace('…', ".*");
    Regex::new(&format!(r"^\s*{pattern}\s*$")).unwrap()
}

#[test]
fn every_command_of_the_documents_runs() {
    let pages = page::all();
    let unused = exceptions::unused(&pages);
    assert!(unused.is_empty(), "these exceptions stand for no command any more: {unused:?}");
    let left = Mutex::new(pages.into_iter().filter(|page| !page.steps.is_empty()).collect::<Vec<_>>());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(page) = left.lock().unwrap().pop() else { return };
                    if let Err(failure) = try_page(&page) {
                        failed.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} pages fail\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn a_line_of_output_may_have_other_numbers_and_no_other_words() {
    let is = |line: &str, other: &str| expected(line).is_match(other);
    assert!(is("pg_up 1", "pg_up 0"));
    assert!(is("check   1  0.6 ok", "check 300 12 ok"));
    assert!(is(r#"age{type="full",…,stanza="main"} 41.6"#, r#"age{type="full",repo="1",stanza="main"} 7"#));
    assert!(!is("pg_up 1", "pg_up 1 more"));
    assert!(!is("no errors", "2 errors"));
}
