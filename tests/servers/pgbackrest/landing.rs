//! The status page and `/explain`: the last run, stanzas and repositories, and stale results while runs fail.

use lab::Browser;
use support::layout::assert_fits;
use support::outcome::scrape_until;

use super::script::{DOCUMENT, Script};
use super::{first_page, is_up};

#[test]
fn shows_runs_stanzas_and_repositories_and_marks_old_results_stale() {
    let script = Script::new();
    let unreadable = r#"},{"cipher":"none","key":2,"status":{"code":1,"message":"missing <b>stanza</b> path"}}]"#;
    std::fs::write(script.path("document"), DOCUMENT.replacen("}}]", &format!("}}{unreadable}"), 1).as_bytes())
        .unwrap();
    let exporter = script.exporter(&[]);
    first_page(&exporter);
    let mut browser = Browser::start().unwrap();
    let text = assert_fits(&mut browser, &exporter, "a good run");
    for needed in [
        "last run",
        "succeeded in ",
        "stanza demo, repository 1",
        "stanza demo, repository 1, newest full",
        "20261123-031023F, ",
        "missing <b>stanza</b> path",
    ] {
        assert!(text.contains(needed), "{needed}: {text}");
    }
    assert!(!text.contains("stale"), "{text}");

    script.does("echo 'ERROR: [030]: no command found' >&2; exit 30");
    scrape_until(&exporter, "pgbackrest is down", |page| !is_up(page));
    let text = assert_fits(&mut browser, &exporter, "a run that failed");
    assert!(text.contains("ERROR: [030]: no command found") && text.contains(" stale"), "{text}");
    let explain = exporter.get("/explain").unwrap().text();
    let states: Vec<&str> =
        explain.lines().filter(|line| line.starts_with("pgbackrest_") && !line.contains("not planned")).collect();
    assert!(states.iter().all(|line| line.ends_with(" stale: the last run failed (exit)")), "{explain}");
    assert!(explain.contains("\n# last run: failed (exit) after "), "{explain}");

    script.does("cat \"$folder/document\"");
    first_page(&exporter);
    let page = exporter.get("/").unwrap().text();
    assert!(page.contains(">ok") && !page.contains("stale"), "{page}");
}
