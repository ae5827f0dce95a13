//! Help, version, and what is said of wrong usage.

use std::net::TcpListener;
use std::process::Command;

use support::DOWN;
use support::command_line::{err, out, refusal, run};

#[test]
fn usage_errors_name_the_flag_and_the_expected_value() {
    for (args, expected) in [
        (&["--bogus"][..], "unexpected argument '--bogus'"),
        (&["--confg", "x"], "a similar argument exists: '--config'"),
        (&["--extend.query-path", "x"], "name their folder with --config"),
        (&["--no-collector.wal"], "choose collectors with --tag"),
        (&["--auto-discover-databases"], "--auto-discovery"),
        (&["bogus"], "unrecognized subcommand 'bogus'"),
        (&["explian"], "a similar subcommand exists: 'explain'"),
        (&["--config"], "a value is required for '--config <PATH,…>'"),
        (&["--label", "a"], "\"a\" is not a label: expected name=value"),
        (&["--label", "1a=b"], "\"1a\" is not a label name"),
        (&["--label", "__a=b"], "\"__a\" is not a label name"),
        (&["--label", "a=b,a=c"], "label a is given twice"),
        (&["--namespace", "a b"], "'--namespace <PREFIX>': expected letters, digits and _"),
        (&["--namespace", "1a"], "not a digit first"),
        (&["--cache-ttls", "1,2,3"], "expected four numbers of seconds"),
        (&["--scrape-timeout", "0"], "expected seconds, more than 0"),
        (&["--connect-timeout", "2s"], "'2s' for '--connect-timeout <MS>'"),
        (&["--max-connections", "0"], "0 is not in 1..=65535"),
        (&["--lock-timeout", "x"], "'x' for '--lock-timeout <MS>'"),
        (&["metrics", "--format", "xml"], "[possible values: table, json, markdown]"),
    ] {
        let error = refusal(args, &[]);
        assert!(error.starts_with("error: ") && error.contains(expected), "{args:?}: {error}");
        assert!(error.contains("try '--help'"), "{args:?}: {error}");
    }
    for path in [
        "metrics",
        "/a?b",
        "/a#b",
        "/{a}",
        "/%7Ba",
        "//a",
        "/a/../b",
        "/a//",
        "/:a",
        "/*a",
        "/a b",
        "/",
        "/up",
        "/-/reload",
    ] {
        let error = refusal(&["--web.telemetry-path", path], &[]);
        assert!(error.contains(&format!("'{path}' for '--web.telemetry-path <PATH>'")), "{path}: {error}");
    }
    for (args, expected) in [
        (&["--web.listen-address=nowhere"][..], "cannot listen on nowhere: expected HOST:PORT or :PORT"),
        (&["--web.config.file=/nonexistent/web.yml"], "cannot read /nonexistent/web.yml"),
        (&["-x", "["], "--exclude-database: error parsing glob '['"),
        (&["-c", "/nonexistent/c.yml"], "/nonexistent/c.yml: cannot be read: No such file"),
        (&["-c", "builtin:no"], "builtin:no: no such embedded folder: expected one of pg"),
        (&["--web.systemd-socket"], "cannot listen on systemd sockets: none was passed to this process"),
    ] {
        let error = refusal(args, &[DOWN]);
        assert!(error.starts_with("pg-exporter: ") && error.contains(expected), "{args:?}: {error}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = refusal(&[&format!("--web.listen-address={}", taken.local_addr().unwrap())], &[DOWN]);
    assert!(error.contains("address in use"), "{error}");
}

#[test]
fn help_lists_every_flag_with_its_variable_and_default_once() {
    let output = run(&["--help"], &[("PG_EXPORTER_CONFIG", "from the environment")]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let help = out(&output);
    for flag in [
        "-u, --url <",
        "-c, --config <",
        "-l, --label <",
        "-t, --tag <",
        "-C, --disable-cache[=<BOOL>]",
        "    --disable-sampling[=<BOOL>]",
        "-m, --disable-intro[=<BOOL>]",
        "-a, --auto-discovery[=<BOOL>]",
        "-x, --exclude-database <",
        "-i, --include-database <",
        "-n, --namespace <",
        "-f, --fail-fast[=<BOOL>]",
        "-T, --connect-timeout <",
        "-P, --web.telemetry-path <",
        "    --web.listen-address <",
        "    --web.config.file <",
        "    --web.systemd-socket[=<BOOL>]",
        "    --web.openmetrics[=<BOOL>]",
        "    --cache-ttls <",
        "    --scrape-timeout <",
        "    --max-result-size <",
        "    --max-connections <",
        "    --lock-timeout <",
        "    --allow-superuser[=<BOOL>]",
        "    --web.max-connections <",
        "-D, --dry-run[=<BOOL>]",
        "-E, --explain[=<BOOL>]",
        "    --log.level <",
        "    --log.format <",
        "-V, --version\n",
        "-h, --help\n",
    ] {
        assert_eq!(help.matches(&format!("\n  {flag}")).count(), 1, "{flag}\n{help}");
    }
    let variables = [
        "CONFIG",
        "LABEL",
        "TAG",
        "DISABLE_CACHE",
        "DISABLE_SAMPLING",
        "DISABLE_INTRO",
        "AUTO_DISCOVERY",
        "EXCLUDE_DATABASE",
        "INCLUDE_DATABASE",
        "NAMESPACE",
        "FAIL_FAST",
        "CONNECT_TIMEOUT",
        "TELEMETRY_PATH",
        "CACHE_TTLS",
        "SCRAPE_TIMEOUT",
        "MAX_RESULT_SIZE",
        "MAX_CONNECTIONS",
        "LOCK_TIMEOUT",
        "SERVICES",
        "PATRONI_URL",
        "PATRONI_CA_FILE",
        "LOG_POSTGRES_PATH",
        "LOG_PATRONI_PATH",
        "STATE_DIR",
        "ALLOW_SUPERUSER",
        "LISTEN_ADDRESS",
        "SYSTEMD_SOCKET",
        "WEB_CONFIG_FILE",
        "WEB_MAX_CONNECTIONS",
        "OPENMETRICS",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "DRY_RUN",
        "EXPLAIN",
    ];
    for variable in variables {
        assert_eq!(help.matches(&format!("[env: PG_EXPORTER_{variable}]")).count(), 1, "{variable}\n{help}");
    }
    assert!(help.contains("[env: PG_EXPORTER_URL, PGURL, PG_EXPORTER_URL_FILE, DATA_SOURCE_*, PG*]"), "{help}");
    assert_eq!(help.matches("[env: ").count(), variables.len() + 1, "{help}");
    for default in [":9630", "/metrics", "true", "template0,template1,postgres", "2000", "9", "info", "logfmt"] {
        assert_eq!(help.matches(&format!("[default: {default}]")).count(), 1, "{default}\n{help}");
    }
    for noise in ["possible values", "[default: false]", "[default: ]", "from the environment"] {
        assert!(!help.contains(noise), "{noise}\n{help}");
    }
    // That the process list shows what stands on a command line is said where it matters.
    assert!(help.contains("Every user of the machine") && help.contains("a password file"), "{help}");
    let widest = help.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}\n{help}");

    let short = out(&run(&["-h"], &[]));
    assert!(short.lines().count() * 2 < help.lines().count() && !short.contains("[env"), "{short}");
    assert!(short.contains("-u, --url <CONNINFO>") && short.contains("see more with '--help'"), "{short}");
    for task in ["check", "explain", "metrics"] {
        assert!(out(&run(&[task, "--help"], &[])).contains("--config <PATH,…>"), "{task}");
    }
}

/// Also flags that only do something once, so that an environment file can hold all of a service.
#[test]
fn every_flag_has_a_variable() {
    let help = out(&run(&["--help"], &[]));
    let (_, flags) = help.split_once("\nOptions:\n").unwrap();
    let is_flag = |line: &&str| line.trim_start().starts_with('-') && line.starts_with("  ");
    let starts: Vec<usize> = flags.lines().enumerate().filter(|(_, line)| is_flag(line)).map(|(at, _)| at).collect();
    let lines: Vec<&str> = flags.lines().collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let without: Vec<&str> = starts
        .iter()
        .zip(ends)
        .filter(|(start, end)| !lines[**start..*end].iter().any(|line| line.contains("[env: PG_EXPORTER_")))
        .map(|(start, _)| lines[*start].trim())
        .collect();
    assert_eq!(without, ["-h, --help", "-V, --version"]);

    let told = err(&run(&["check"], &[("PG_EXPORTER_LOG_LEVEL", "loud")]));
    assert!(told.contains("--log.level loud: expected debug, info, warn, error; info is used"), "{told}");
}

/// What git says of this checkout; `unknown` where there is none.
fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(support::root()).args(arguments).env("TZ", "UTC").output();
    let output = output.ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |output| out(&output).trim().to_owned())
}

#[test]
fn version_names_program_version_revision_and_date() {
    let revision = git(&["rev-parse", "--short=12", "HEAD"]);
    let date = git(&["log", "-1", "--date=format-local:%Y-%m-%d", "--format=%cd"]);
    let expected = format!("pg-exporter {} (revision {revision}, built {date})\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        let output = run(&[flag], &[("PG_EXPORTER_FAIL_FAST", "")]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(out(&output), expected);
    }
}
