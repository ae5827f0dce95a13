//! What goes wrong with the program: the scrape is answered, the reason told, nothing left behind.

use std::net::TcpListener;

use lab::{Backrest, BackrestRelease, Exporter};
use support::outcome::scrape_until;
use support::{Page, pgbackrest_exporter, scrape, until};

use super::script::{PROMPT, Script, children};
use super::{exporter, first_page, is_up, next_page};

/// Why the last run failed, as the page tells it in three places.
fn reason(page: &Page) -> Option<String> {
    let of = |name: &str| page.label_values(name, "reason").first().map(|reason| (*reason).to_owned());
    let up = of("pgbackrest_up_reason")?;
    if up != "starting" {
        assert_eq!(of("pgbackrest_collect_error_info").as_deref(), Some(&*up));
        assert_eq!(page.value("pgbackrest_exporter_status", &[]), Some(0.0));
        assert_eq!(page.value("pgbackrest_collect_success", &[]), Some(0.0));
    }
    Some(up)
}

fn message(page: &Page) -> String {
    page.label_values("pgbackrest_collect_error_info", "message").first().copied().unwrap_or_default().to_owned()
}

fn fails_for(exporter: &Exporter, expected: &str) -> Page {
    let page = scrape_until(exporter, expected, |page| reason(page).as_deref() == Some(expected));
    let success = page.samples("pgbackrest_exporter_collector_success", &[]);
    assert!(!success.is_empty() && success.iter().all(|one| one.value == 0.0), "{success:?}");
    page
}

fn has_backups(page: &Page) -> bool {
    page.value("pgbackrest_backup_size_bytes", &[]) == Some(30_583_612.0)
}

#[test]
fn the_first_scrape_does_not_wait() {
    let script = Script::new();
    script.does("sleep 600");
    let exporter = script.exporter(&[]);
    let response = exporter.get("/metrics").unwrap();
    assert!(response.elapsed < PROMPT, "{:?}", response.elapsed);
    let page = Page::parse(response.text());
    assert_eq!(page.value("pgbackrest_up", &[]), Some(0.0));
    assert_eq!(reason(&page).as_deref(), Some("starting"));
    assert_eq!(exporter.get("/up").unwrap().status, 503);
}

#[test]
fn hung_run_is_killed_with_its_process_group() {
    let script = Script::new();
    let exporter = script.exporter(&["--collect.timeout=0.5"]);
    first_page(&exporter);
    // A process that ignores the polite signal, and a child of its own that keeps the pipe open.
    script.does("trap '' TERM HUP INT\nsh -c \"trap '' TERM HUP; while :; do sleep 1; done # $folder\" &\nwait");
    let page = fails_for(&exporter, "timeout");
    assert!(has_backups(&page), "{}", page.text);
    let response = exporter.get("/metrics").unwrap();
    assert!(response.elapsed < PROMPT, "{:?}", response.elapsed);
    let runs = |page: &Page| page.value("pgbackrest_collect_failures_total", &[]).unwrap();
    let before = runs(&page);
    scrape_until(&exporter, "the next run is tried", |page| runs(page) >= before + 2.0);
    script.does("cat \"$folder/document\"");
    scrape_until(&exporter, "recovered", is_up);
    script.assert_nothing_runs();
    until("no child is left", || children(&exporter).is_empty());
    let open = |page: &Page| page.value("process_open_fds", &[]).unwrap();
    let before = open(&next_page(&exporter));
    assert!(open(&next_page(&exporter)) <= before + 2.0);
}

#[test]
fn hung_run_ends_with_the_exporter() {
    let script = Script::new();
    script.does("sh -c \"while :; do sleep 1; done # $folder\" &\nwait");
    let exporter = script.exporter(&[]);
    until("the program runs", || script.running().len() >= 2);
    exporter.signal("TERM").unwrap();
    assert!(exporter.process().wait(support::LIMIT).is_some_and(|status| status.success()));
    script.assert_nothing_runs();
}

#[test]
fn unreachable_repository_delays_no_scrape() {
    // The kernel accepts for it, as for a process that is stopped: what is sent is never read.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("repo1-storage-port={}", silent.local_addr().unwrap().port());
    let s3 = ["bucket=b", "endpoint=127.0.0.1", "region=r", "key=a-key-of-s3", "key-secret=a-secret-of-s3"];
    let s3 = s3.map(|option| format!("repo1-s3-{option}"));
    let mut options = vec!["repo1-type=s3", "repo1-storage-verify-tls=n", &port];
    options.extend(s3.iter().map(String::as_str));
    let backrest = Backrest::new(BackrestRelease::V2_45, &options).unwrap();
    let exporter = exporter(&backrest, &["--collect.timeout=1"]);
    let page = fails_for(&exporter, "timeout");
    assert!(message(&page).contains("did not end within 1 s and was killed"), "{}", message(&page));
    let response = exporter.get("/metrics").unwrap();
    assert!(response.elapsed < PROMPT, "{:?}", response.elapsed);
    let page = Page::parse(response.text());
    assert_eq!(page.value("pgbackrest_up", &[]), Some(0.0));
    let all = response.text() + &exporter.log();
    assert!(!all.contains("secret-of-s3") && !all.contains("key-of-s3"), "{all}");
}

#[test]
fn each_fault_has_a_reason_and_keeps_the_last_result() {
    let script = Script::new();
    let exporter = script.exporter(&[]);
    first_page(&exporter);
    for (info, expected, told) in [
        (
            "echo \"2026-01-01 00:00:00.000 P00  ERROR: [055]: unable to open missing file '/x' for read\"; exit 55",
            "exit",
            "exit code 55: ERROR: [055]: unable to open missing file for read",
        ),
        (
            "echo 'P00  ERROR: [030]: no command found' >&2; exit 41",
            "exit",
            "exit code 41: ERROR: [030]: no command found",
        ),
        ("echo 'P00  ERROR: [099]: a-secret' >&2; exit 41", "exit", "exit code 41: ERROR: [099]: text omitted"),
        ("echo 'sh: a-secret: not found'; exit 127", "exit", "exit code 127: text omitted"),
        ("exit 1", "exit", "exit code 1: no error message"),
        ("kill -9 $$", "signal", "terminated by signal 9"),
        ("true", "json", "no JSON in the output"),
        ("echo hello", "json", "no JSON in the output (no line starts with '['): text omitted"),
        ("head -c 100000 /dev/urandom", "json", ""),
        ("echo '[{\"name\":'", "json", "invalid JSON"),
        ("head -c 3000000 /dev/zero | tr '\\0' '['", "json", "invalid JSON"),
        ("echo '[1, \"two\", null]'", "json", "unknown JSON format"),
        ("yes | head -c 70000000", "too_large", "more than"),
    ] {
        script.does("cat \"$folder/document\"");
        scrape_until(&exporter, "it works", is_up);
        script.does(info);
        let page = fails_for(&exporter, expected);
        assert!(has_backups(&page), "{info}: {}", page.text);
        assert!(message(&page).contains(told), "{info}: {}", message(&page));
        assert!(exporter.get("/").unwrap().status == 200);
    }
    assert!(exporter.process().is_running());
}

#[test]
fn missing_and_not_executable_programs_are_reported() {
    let script = Script::new();
    let missing = script.path("nowhere");
    let flag = format!("--backrest.binary={}", missing.display());
    let exporter = Exporter::start(pgbackrest_exporter(), &[&flag, "--collect.interval=0.5"], &[]).unwrap();
    let page = fails_for(&exporter, "missing");
    assert!(message(&page).contains("nowhere"), "{}", message(&page));
    let flag = format!("--backrest.binary={}", script.path("document").display());
    let exporter = Exporter::start(pgbackrest_exporter(), &[&flag, "--collect.interval=0.5"], &[]).unwrap();
    fails_for(&exporter, "permission");
}

#[test]
fn warnings_before_the_json_are_logged() {
    let script = Script::new();
    script.does("echo \"P00   WARN: configuration file contains invalid option 'x'\"\ncat \"$folder/document\"\necho");
    let exporter = script.exporter(&[]);
    let page = first_page(&exporter);
    assert!(has_backups(&page));
    assert_eq!(page.value("pgbackrest_collect_warnings", &[]), Some(1.0));
    next_page(&exporter);
    assert_eq!(exporter.log().matches("printed a warning").count(), 1, "{}", exporter.log());
}

#[test]
fn results_expire_while_runs_fail() {
    let script = Script::new();
    let exporter = script.exporter(&["--collect.stale=4"]);
    let age = |page: &Page| page.value("pgbackrest_backup_since_last_completion_seconds", &[("backup_type", "full")]);
    let before = age(&first_page(&exporter)).unwrap();
    script.does("exit 7");
    let page = fails_for(&exporter, "exit");
    // The age is counted on, so that an alert on it holds.
    assert!(age(&page).is_some_and(|now| now > before), "{before} {:?}", age(&page));
    assert_eq!(page.value("pgbackrest_collect_exit_code", &[]), Some(7.0));
    assert_eq!(page.value("pgbackrest_collect_shown", &[]), Some(1.0));
    let page =
        scrape_until(&exporter, "it has vanished", |page| page.value("pgbackrest_collect_shown", &[]) == Some(0.0));
    let page = if has_backups(&page) { scrape(&exporter) } else { page };
    assert!(!page.families().iter().any(|name| name.starts_with("pgbackrest_backup")), "{}", page.text);
    assert_eq!(page.value("pgbackrest_exporter_status", &[]), Some(0.0));
    assert!(page.value("pgbackrest_collect_age_seconds", &[]).unwrap() > 4.0);
    assert_eq!(reason(&page).as_deref(), Some("exit"));
    script.does("cat \"$folder/document\"");
    assert!(has_backups(&scrape_until(&exporter, "recovered", is_up)));
}

#[test]
fn child_environment_excludes_exporter_variables() {
    let script = Script::new();
    script.does("env > \"$folder/environment.part\"; mv \"$folder/environment.part\" \"$folder/environment\"; cat \"$folder/document\"");
    let environment = [
        ("BACKREST_EXPORTER_COLLECT_TIMEOUT", "20"),
        ("PGBACKREST_EXPORTER_ARGS", "--x"),
        ("PGBACKREST_REPO1_CIPHER_PASS", "a-secret-of-the-repository"),
    ];
    let exporter = script.exporter_with(&[], &environment);
    let page = first_page(&exporter);
    let seen = std::fs::read_to_string(script.path("environment")).unwrap();
    assert!(!seen.contains("EXPORTER"), "{seen}");
    assert!(seen.contains("PGBACKREST_REPO1_CIPHER_PASS=a-secret"), "{seen}");
    let pages: String = ["/", "/explain", "/stat"].iter().map(|path| exporter.get(path).unwrap().text()).collect();
    assert!(!(page.text + &pages + &exporter.log()).contains("a-secret"));
}

#[test]
fn invalid_filter_is_reported_with_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.yml");
    let yaml = "good:\n  query: '{n: 1}'\n  metrics: [ n: { usage: GAUGE } ]\nbad:\n  query: '.[] | {n: }'\n  metrics: [ n: { usage: GAUGE } ]\n";
    std::fs::write(&file, yaml).unwrap();
    let output = std::process::Command::new(pgbackrest_exporter()).arg("check").arg(&file).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    let place = format!(
        "{}:4:1: query of branch bad: line 1, column 11 of the filter: expected term, found '}}'",
        file.display()
    );
    assert!(told.contains(&place), "{told}");
}

#[test]
fn endless_filter_costs_only_its_collector() {
    let script = Script::new();
    let folder = tempfile::tempdir().unwrap();
    let yaml = "endless:\n  query: 'last(repeat(1))'\n  timeout: 0.3\n  metrics: [ n: { usage: GAUGE } ]\ngood:\n  query: '{n: length}'\n  metrics: [ n: { usage: GAUGE } ]\n";
    std::fs::write(folder.path().join("own.yml"), yaml).unwrap();
    let config = format!("--config={}", folder.path().display());
    let exporter = script.exporter(&[&config]);
    let good = |page: &Page| page.value("good_n", &[]) == Some(1.0);
    for _ in 0..2 {
        let page = scrape_until(&exporter, "the good one", good);
        assert_eq!(page.value("pgbackrest_exporter_collector_success", &[("collector", "endless")]), Some(0.0));
    }
    let page = scrape(&exporter);
    let errors = [("collector", "endless"), ("reason", "timeout")];
    assert!(page.value("pgbackrest_exporter_collector_errors_total", &errors).is_some_and(|count| count > 0.0));
}
