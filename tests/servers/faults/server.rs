//! Servers that freeze, are not there, come back, let nobody in, end a session.

use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lab::{Exporter, Postgres, Process, Proxy};
use postgres::Client;
use support::outcome::{exporter_of, scrape_timed, scrape_until, scrape_within, status, url_by_port};
use support::{LIMIT, binary, scrape, until};

use super::{
    NEWEST, WITHIN_BUDGET, WithinBudget, a_scrape_that_takes_its_time, occurrences, session, sessions,
    wait_for_the_slow_one,
};

/// What a frozen server must not do to an exporter, warm or cold.
fn answers_while_frozen(exporter: &Exporter, warm: bool) {
    for limit in [1.0, 2.0, 5.0] {
        let page = scrape_within(exporter, limit);
        assert_eq!((page.value("pg_up", &[]), page.reason()), (Some(0.0), Some("timeout")), "{}", page.text);
        // Files on disk are all that may be served stale.
        let collected: Vec<_> = page.collected().into_iter().collect();
        let stale = [
            "pg_archive_status_done_files",
            "pg_archive_status_ready_files",
            "pg_size_bytes",
            "pg_wal_dir_bytes",
            "pg_wal_dir_files",
        ];
        assert_eq!(collected, if warm { stale.to_vec() } else { vec![] });
        assert!(page.value("pg_exporter_connections", &[]) <= page.value("pg_exporter_connections_budget", &[]));
    }
    for path in ["/up", "/primary", "/readiness", "/replica"] {
        let answer = exporter.get(path).unwrap();
        assert_eq!((answer.status, &*answer.text()), (503, "down"), "{path}");
    }
    assert_eq!(status(exporter, "/liveness"), 200);
}

/// Nothing has piled up while the server was frozen.
fn is_itself_after_thaw(server: &Postgres, exporter: &Exporter) {
    let page = scrape_until(exporter, "up again", |page| page.is_up() && page.failed().is_empty());
    assert!(page.planned() >= 15, "{}", page.text);
    assert!(page.value("process_open_fds", &[]).unwrap() < 40.0, "{}", page.text);
    assert_eq!(status(exporter, "/primary"), 200);
    until("the backends of given up connections are gone", || sessions(server) <= 2 * 3);
}

#[test]
fn frozen_server_is_reported_before_the_deadline() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(2, &server);
    server.psql("postgres", "create database shop").unwrap();
    let url = server.url("monitor", "postgres");
    let (warm, cold) =
        (exporter_of(&url, &["--cache-ttls", "1,1,1,1", WITHIN_BUDGET]), exporter_of(&url, &[WITHIN_BUDGET]));
    scrape(&warm);
    assert_eq!(scrape(&warm).failed(), []);
    server.freeze().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| answers_while_frozen(&warm, true));
        scope.spawn(|| answers_while_frozen(&cold, false));
    });
    // Impatient scrapers, more often than a connection attempt gives up.
    for _ in 0..10 {
        let (page, _) = scrape_timed(&warm, 0.3);
        assert!(page.value("pg_exporter_connections", &[]).unwrap() <= 3.0);
        assert!(page.value("process_open_fds", &[]).unwrap() < 40.0, "{}", page.text);
    }
    server.thaw();
    is_itself_after_thaw(&server, &warm);
    is_itself_after_thaw(&server, &cold);
}

#[test]
fn blackholed_network_is_reported_before_the_deadline() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(2, &server);
    let proxy = Proxy::start(server.port()).unwrap();
    let url = url_by_port(&server, "monitor", "postgres", proxy.port());
    let (warm, cold) = (exporter_of(&url, &["--cache-ttls", "1,1,1,1"]), exporter_of(&url, &[]));
    scrape(&warm);
    assert_eq!(scrape(&warm).failed(), []);
    proxy.freeze();
    thread::scope(|scope| {
        scope.spawn(|| answers_while_frozen(&warm, true));
        scope.spawn(|| answers_while_frozen(&cold, false));
    });
    proxy.thaw();
    is_itself_after_thaw(&server, &warm);
    is_itself_after_thaw(&server, &cold);
    // A network that comes back as another one: every connection is cut.
    proxy.cut();
    let page = scrape(&warm);
    assert!(page.is_up() && page.failed().is_empty(), "{}", page.text);
}

#[test]
fn late_or_restarted_server_is_read_in_the_next_scrape() {
    let mut server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    server.psql("postgres", "create database shop").unwrap();
    server.stop().unwrap();
    let exporter = exporter_of(&server.url("monitor", "postgres"), &["--cache-ttls", "1,1,1,1"]);
    for _ in 0..3 {
        let page = scrape(&exporter);
        assert_eq!((page.value("pg_up", &[]), page.reason()), (Some(0.0), Some("refused")));
        assert!(page.collected().is_empty());
    }
    assert_eq!(occurrences(&exporter.log(), "server is down"), 1, "{}", exporter.log());
    let healthy = |exporter: &Exporter| {
        let page = scrape(exporter);
        assert!(page.is_up() && page.failed().is_empty(), "{}\n{}", page.text, exporter.log());
        assert!(page.planned() >= 20, "{}", page.text);
    };
    server.start_again().unwrap();
    healthy(&exporter);
    assert_eq!(occurrences(&exporter.log(), "server is up"), 1, "{}", exporter.log());

    // Between two scrapes: what it kept open is dead by then.
    server.restart().unwrap();
    assert_eq!(status(&exporter, "/up"), 200);
    server.restart().unwrap();
    healthy(&exporter);

    // Down for many scrapes, so that failures add up: they are the server's, not the collectors'.
    server.stop().unwrap();
    // The time to live has to pass: nothing tells.
    thread::sleep(Duration::from_secs(1));
    for _ in 0..5 {
        assert_eq!(scrape(&exporter).reason(), Some("refused"));
    }
    server.start_again().unwrap();
    healthy(&exporter);
    assert_eq!(occurrences(&exporter.log(), "collector recovered"), 0, "{}", exporter.log());

    // Scraped without a pause while it restarts: before, throughout and after, every page comes in time.
    let (sender, pages) = mpsc::sync_channel(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            while sender.send(scrape_within(&exporter, 5.0).is_up()).is_ok() {}
        });
        assert!(pages.recv().unwrap());
        thread::scope(|scope| {
            let restarting = scope.spawn(|| server.restart().unwrap());
            while !restarting.is_finished() {
                pages.recv().unwrap();
            }
        });
        until("a page says that it is up again", || pages.recv().unwrap());
        drop(pages);
    });
    healthy(&exporter);
}

#[test]
fn fail_fast_ends_without_a_server() {
    let mut server = Postgres::start(NEWEST).unwrap();
    let start = |url: &str| {
        let mut command = Process::command(binary());
        command.args(["--fail-fast", "--web.listen-address=127.0.0.1:0", "--url", url]);
        command.output().unwrap()
    };
    let wrong = start(&server.url("monitor", "postgres").replace("monitor-secret", "other"));
    server.stop().unwrap();
    let missing = start(&server.url("monitor", "postgres"));
    for (output, told) in [(wrong, "(auth)"), (missing, "(refused)")] {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        let last = error.lines().last().unwrap();
        assert!(last.starts_with("pg-exporter: 127.0.0.1:") && last.contains(told), "{error}");
        assert!(last.contains("--fail-fast") && !error.contains("other"), "{error}");
    }
}

#[test]
fn reports_why_the_server_is_down() {
    let mut server = Postgres::builder(NEWEST)
        .setting("max_connections", "5")
        .setting("superuser_reserved_connections", "0")
        .start()
        .unwrap();
    let reason = |url: &str, wanted: &str| {
        let exporter = exporter_of(url, &[]);
        let page = scrape(&exporter);
        assert_eq!((page.value("pg_up", &[]), page.reason()), (Some(0.0), Some(wanted)), "{}", page.text);
        let up = exporter.get("/up").unwrap();
        assert_eq!(up.status, 503);
        assert!(!exporter.log().contains("not-this"), "{}", exporter.log());
        up.text()
    };
    reason(&server.url("monitor", "postgres").replace("monitor-secret", "not-this"), "auth");
    reason(&server.url("monitor", "nowhere"), "no_database");
    let taken: Vec<Client> = (0..5).map(|_| session(&server)).collect();
    reason(&server.url("monitor", "postgres"), "too_many_connections");
    drop(taken);

    // In recovery, and not a hot standby: it runs and lets nobody in.
    server.stop().unwrap();
    std::fs::write(server.data_dir().join("standby.signal"), "").unwrap();
    let mut postgres = server.bin("postgres");
    postgres.arg("-D").arg(server.data_dir()).arg("-k").arg(server.socket_dir());
    postgres.args(["-p", &server.port().to_string(), "-c", "hot_standby=off", "-c", "restore_command=false"]);
    let starting = Process::start("a standby that lets nobody in", postgres, &server.log_file()).unwrap();
    let address = ("127.0.0.1", server.port());
    starting.wait_until("listening", LIMIT, || TcpStream::connect(address).is_ok()).unwrap();
    assert_eq!(reason(&server.url("monitor", "postgres"), "starting"), "starting");
}

#[test]
fn killed_backend_costs_no_samples() {
    let (server, exporter) = a_scrape_that_takes_its_time();
    let _within = WithinBudget::of(1, &server);
    thread::scope(|scope| {
        let scraping = scope.spawn(|| scrape(&exporter));
        wait_for_the_slow_one(&server);
        server
            .psql(
                "postgres",
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg-exporter'",
            )
            .unwrap();
        let page = scraping.join().unwrap();
        assert!(page.is_up(), "{}", page.text);
        assert_eq!(
            (page.value("slow_n", &[]), page.failed()),
            (Some(8.0), vec![]),
            "{}\n{}",
            page.text,
            exporter.log()
        );
    });
}
