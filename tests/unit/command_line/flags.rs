//! Every flag in every spelling, from the command line and from the environment.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use lab::Exporter;
use support::command_line::{Switch, Valued, err, out, page, refusal, run};
use support::{DOWN, binary};

#[test]
fn page_flags_work_in_every_spelling() {
    let metrics = |args: &[&str], env: &[(&str, &str)]| page(args, &[&[DOWN], env].concat(), "/metrics");
    let flag = |long, short, variable, value, shows| Valued { long, short, variable, value, shows };
    let labelled = "\npg_up{cluster=\"a\",site=\"b c\"} 0\n";
    flag("label", "-l", "PG_EXPORTER_LABEL", "cluster=a, site = b c,empty=", labelled).check(metrics);
    flag("namespace", "-n", "PG_EXPORTER_NAMESPACE", "mine", "\nmine_up 0\n").check(metrics);
    flag("max-connections", "", "PG_EXPORTER_MAX_CONNECTIONS", "7", "\npg_exporter_connections_budget 7\n")
        .check(metrics);
    let elsewhere = |args: &[&str], env: &[(&str, &str)]| page(args, &[&[DOWN], env].concat(), "/pg/metrics");
    flag("web.telemetry-path", "-P", "PG_EXPORTER_TELEMETRY_PATH", "/pg/metrics", "\npg_up 0\n").check(elsewhere);
    // What an intro is looks like this on a page that has one.
    let bare = |args: &[&str], env: &[(&str, &str)]| match metrics(args, env) {
        text if text.contains("pg_exporter_up") => "with an intro".to_owned(),
        text => format!("bare\n{text}"),
    };
    let switch = |long, short, variable, shows| Switch { long, short, variable, default: false, shows };
    switch("disable-intro", "-m", "PG_EXPORTER_DISABLE_INTRO", "bare").check(bare);
    switch("fail-fast", "-f", "PG_EXPORTER_FAIL_FAST", "(refused); --fail-fast is set").check(metrics);
}

#[test]
fn time_limits_are_kept() {
    // The kernel accepts for a server that never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://monitor@{}/postgres?sslmode=disable", silent.local_addr().unwrap());
    let waited = |args: &[&str], env: &[(&str, &str)]| {
        let output = run(&[args, &["explain"]].concat(), &[&[("PG_EXPORTER_URL", url.as_str())], env].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = out(&output);
        let (_, rest) = text.split_once("no response within ").unwrap_or_else(|| panic!("{text}"));
        rest.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    for (args, env) in [
        (&["--connect-timeout", "321"][..], &[][..]),
        (&["-T321"], &[]),
        (&[], &[("PG_EXPORTER_CONNECT_TIMEOUT", "321")]),
        (&["-T", "321"], &[("PG_EXPORTER_CONNECT_TIMEOUT", "5000")]),
    ] {
        let milliseconds = waited(args, env);
        assert!((200..1500).contains(&milliseconds), "{args:?} {env:?}: {milliseconds}");
    }
    // None or less means the default.
    assert!(waited(&["-T", "-5"], &[]) > 1500);

    // Nobody waits for a connection that takes longer than the scrape may.
    for (args, env) in [(&["--scrape-timeout", "0.2"][..], &[][..]), (&[], &[("PG_EXPORTER_SCRAPE_TIMEOUT", "0.2")])] {
        let env = [&[("PG_EXPORTER_URL", url.as_str()), ("PG_EXPORTER_CONNECT_TIMEOUT", "600000")], env].concat();
        let exporter = Exporter::start(binary(), args, &env).unwrap();
        let response = exporter.get("/metrics").unwrap();
        assert!(response.text().contains("\npg_up 0\n"), "{}", response.text());
    }
}

#[test]
fn parses_every_spelling_of_true_and_false() {
    let is_dry = |args: &[&str]| {
        let output = run(&[args, &["--web.listen-address=nowhere"]].concat(), &[DOWN]);
        let text = out(&output) + &err(&output);
        assert!(text.contains("no errors") != text.contains("cannot listen on nowhere"), "{args:?}: {text}");
        text.contains("no errors")
    };
    for word in ["1", "t", "T", "true", "TRUE", "True"] {
        assert!(is_dry(&[&format!("--dry-run={word}")]) && is_dry(&[&format!("-D={word}")]), "{word}");
    }
    for word in ["0", "f", "F", "false", "FALSE", "False"] {
        assert!(!is_dry(&[&format!("--dry-run={word}")]) && !is_dry(&[&format!("-D={word}")]), "{word}");
        let env = [DOWN, ("PG_EXPORTER_DISABLE_INTRO", word), ("PG_EXPORTER_AUTO_DISCOVERY", word)];
        assert!(page(&[], &env, "/metrics").contains("pg_exporter_up 1"), "{word}");
    }
    assert!(is_dry(&["--dry-run"]) && is_dry(&["-D"]) && is_dry(&["-mCD"]) && !is_dry(&["--no-dry-run"]));

    for word in ["yes", "tRUE", "2", "on"] {
        let error = refusal(&[&format!("--dry-run={word}")], &[]);
        assert!(error.contains(&format!("'{word}' for '--dry-run[=<BOOL>]': expected true, false")), "{error}");
        let error = refusal(&[], &[("PG_EXPORTER_FAIL_FAST", word)]);
        assert!(error.contains("the value of the environment variable PG_EXPORTER_FAIL_FAST"), "{error}");
        assert!(!refusal(&[&format!("-f={word}")], &[]).contains("environment"));
    }
    // As with pg_exporter the value does not stand alone.
    assert!(refusal(&["--dry-run", "false"], &[]).contains("'false'"));
}

#[test]
fn listens_on_every_address_and_on_systemd_sockets() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter = Exporter::start(binary(), &["--web.listen-address", &free.to_string()], &[DOWN]).unwrap();
    assert_ne!(exporter.address(), free);
    for address in [exporter.address(), free] {
        assert_eq!(lab::request(address, "GET", "/liveness", &[]).unwrap().status, 200, "{address}");
    }

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = socket.local_addr().unwrap();
    let mut activated = lab::Process::command("sh");
    activated.args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --web.systemd-socket"]);
    activated.arg(binary()).env_clear().envs([DOWN, ("PATH", "/usr/bin:/bin"), ("HOME", "/nonexistent")]);
    activated.stdin(std::os::fd::OwnedFd::from(socket)).stderr(Stdio::null());
    let mut activated = activated.spawn().unwrap();
    let answered = lab::request(address, "GET", "/liveness", &[]).map(|response| response.status);
    activated.kill().unwrap();
    activated.wait().unwrap();
    assert_eq!(answered.unwrap(), 200);
}

#[test]
fn uses_the_first_target_by_precedence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://u@127.0.0.1:4/d\n").unwrap();
    let file = file.display().to_string();
    let target = |args: &[&str], env: &[(&str, &str)]| {
        let output = run(&[&["explain"], args].concat(), env);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = out(&output);
        text.lines().next().unwrap().trim_start_matches("# server ").split(',').next().unwrap().to_owned()
    };
    let all = [
        ("PG_EXPORTER_URL", "postgres://u@127.0.0.1:2/d"),
        ("PGURL", "postgresql://u@127.0.0.1:3/d"),
        ("PG_EXPORTER_URL_FILE", &file),
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", "5"),
        ("PGUSER", "u"),
    ];
    assert_eq!(target(&["--url", "host=127.0.0.1 port=1 user=u"], &all), "127.0.0.1:1");
    assert_eq!(target(&["-upostgres://u@127.0.0.1:1/d"], &all), "127.0.0.1:1");
    for (from, port) in [2, 3, 4, 5].into_iter().enumerate() {
        assert_eq!(target(&[], &all[from..]), format!("127.0.0.1:{port}"));
    }
    // Set but empty is not given.
    let empty = [&[("PG_EXPORTER_URL", ""), ("PGURL", ""), ("PG_EXPORTER_URL_FILE", "")], &all[3..]].concat();
    assert_eq!(target(&[], &empty), "127.0.0.1:5");
    // What the URL leaves open the variables fill in.
    assert_eq!(target(&["--url", "postgres://127.0.0.1/"], &all[4..]), "127.0.0.1:5");

    let error = refusal(&[], &[("PG_EXPORTER_URL_FILE", "/nonexistent/url")]);
    assert!(error.contains("PG_EXPORTER_URL_FILE: cannot read /nonexistent/url: No such file"), "{error}");
    let error = refusal(&[], &[("PG_EXPORTER_URL_FILE", "/dev/null")]);
    assert!(error.contains("PG_EXPORTER_URL_FILE: /dev/null is empty"), "{error}");
}
