//! What an exporter must not do to a pooler, and what a pooler must not do to an exporter.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::{BouncerRelease, Exporter, PgBouncer, Proxy};
use pgclient::{ConnectionSlot, Environment, Target};
use support::{LIMIT, Page, scrape, until};

use super::{exporter, exporter_of, is_up, on_every_release};

/// Seconds after which the scraper gives up; the exporter has to answer before.
const SCRAPE_TIMEOUT: &str = "2";

fn through(proxy: &Proxy, pooler: &PgBouncer) -> String {
    let ports = [pooler.port(), proxy.port()].map(|port| format!(":{port}/"));
    pooler.url("monitor", "pgbouncer").replace(&ports[0], &ports[1])
}

/// A scrape that has to come back before its time is over.
fn scrape_in_time(exporter: &Exporter) -> Page {
    let header = ("X-Prometheus-Scrape-Timeout-Seconds", SCRAPE_TIMEOUT);
    let response = exporter.get_with("/metrics", &[header]).unwrap();
    let limit = Duration::from_secs(SCRAPE_TIMEOUT.parse().unwrap());
    assert!(response.status == 200 && response.elapsed < limit, "{:?}", response.elapsed);
    Page::parse(response.text())
}

/// Begins a scrape and hangs up.
fn abort_a_scrape(exporter: &Exporter) {
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
}

fn console_sessions(pooler: &PgBouncer) -> usize {
    let clients = pooler.console("SHOW CLIENTS").unwrap();
    clients.lines().filter(|line| line.starts_with("C|monitor|pgbouncer|")).count()
}

#[test]
fn a_scrape_costs_one_connection_and_one_flight() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let proxy = Proxy::start(pooler.port()).unwrap();
        let exporter = exporter_of(&through(&proxy, &pooler), &[]);
        assert!(is_up(&scrape(&exporter)));
        // It is looked for once a minute, by a console of its own.
        let log = [("program", "pgbouncer")];
        until("the log is looked for", || scrape(&exporter).value("pgbouncer_exporter_log_read", &log).is_some());
        until("the first console is closed", || console_sessions(&pooler) == 0);
        let opened = || scrape(&exporter).value("pgbouncer_exporter_connections_opened_total", &[]).unwrap();
        let before = opened();
        until("the console is closed", || console_sessions(&pooler) == 0);
        let cost = || {
            let before = (proxy.connections(), proxy.round_trips());
            let page = scrape(&exporter);
            page.assert_clean_in("pgbouncer", &release.to_string());
            until("the console is closed", || console_sessions(&pooler) == 0);
            (proxy.connections() - before.0, proxy.round_trips() - before.1)
        };
        // To start up, to log in by SCRAM (two messages), to ask, to take leave. A flight may be cut by the scheduler.
        let costs = [cost(), cost(), cost()];
        assert_eq!(costs.iter().min(), Some(&(1, 5)), "{release}: {costs:?}");
        assert!(costs.iter().all(|(connections, _)| *connections == 1), "{release}: {costs:?}");
        assert_eq!(opened() - before, 4.0, "{release}");
        assert!(!pooler.log().contains("client unexpected eof"), "{release}: {}", pooler.log());
    });
}

#[test]
fn scrapes_do_not_block_graceful_shutdown() {
    on_every_release(|release, server| {
        if release < BouncerRelease::V1_24 {
            return;
        }
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let exporter = exporter(&pooler, &[]);
        for path in ["/metrics", "/up", "/metrics", "/read"] {
            assert_eq!(exporter.get(path).unwrap().status, 200, "{release}: {path}");
        }
        // This one waits until every client has gone, consoles included.
        pooler.process().signal("TERM").unwrap();
        assert!(pooler.process().wait(LIMIT).is_some(), "{release}: {}", pooler.log());
        let page = scrape(&exporter);
        assert!(!is_up(&page), "{release}");
        assert_eq!(page.label_values("pgbouncer_up_reason", "reason").into_iter().next(), Some("refused"));
    });
}

/// Collectors whose answers are late by any measure.
const IMPATIENT: &str = "
impatient_clients: { query: SHOW CLIENTS, tags: [pgbouncer], timeout: 0.000001, metrics: [ ptr: { usage: LABEL }, one: { usage: GAUGE } ] }
impatient_config: { query: SHOW CONFIG, tags: [pgbouncer], timeout: 0.000001, metrics: [ key: { usage: LABEL }, one: { usage: GAUGE } ] }
";

#[test]
fn a_paused_pooler_stays_paused_through_timeouts_and_aborted_scrapes() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let proxy = Proxy::start(pooler.port()).unwrap();
        let url = through(&proxy, &pooler);
        let config = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
        std::fs::write(config.path(), IMPATIENT).unwrap();
        let patient = exporter_of(&url, &["--connect-timeout=1000"]);
        let impatient = exporter_of(&url, &["--config", config.path().to_str().unwrap()]);
        until("it reads", || is_up(&scrape(&patient)));
        pooler.console("PAUSE").unwrap();

        for _ in 0..5 {
            abort_a_scrape(&patient);
            scrape(&impatient);
        }
        proxy.freeze();
        // A scrape may still share the pass of an aborted one, which began before.
        until("it is told to be down", || !is_up(&scrape_in_time(&patient)));
        for _ in 0..3 {
            abort_a_scrape(&patient);
            assert!(!is_up(&scrape_in_time(&patient)), "{release}");
        }
        proxy.thaw();
        until("it reads again", || is_up(&scrape(&patient)));
        let page = scrape(&impatient);
        let errors = page.samples("pgbouncer_exporter_collector_errors_total", &[("reason", "timeout")]);
        assert!(errors.iter().any(|sample| sample.value >= 1.0), "{release}: {}", page.text);
        // Only a paused one can be resumed.
        pooler.console("RESUME").unwrap_or_else(|error| panic!("{release}: no longer paused: {error}"));
    });
}

/// What the test above would see, had a request to cancel been sent; and that even a connection that could send one does
/// not do so to a console.
#[test]
fn cancel_requests_are_refused_because_they_resume() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let url = pooler.url("monitor", "pgbouncer");
        pooler.console("PAUSE").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let target = Target::parse(&url, &Environment::from_variables([("USER", "x")])).unwrap();
            let connection = target.connect(&ConnectionSlot::new(Arc::default()), LIMIT).await.unwrap();
            let refused = connection.cancel(LIMIT).await.unwrap_err().to_string();
            assert!(refused.contains("RESUME"), "{refused}");
        });
        pooler.console("RESUME").unwrap_or_else(|error| panic!("{release}: no longer paused: {error}"));

        pooler.console("PAUSE").unwrap();
        let client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.cancel_token().cancel_query(postgres::NoTls).unwrap();
        until("it is resumed", || pooler.console("RESUME").is_err());
    });
}

#[test]
fn frozen_pooler_is_reported_before_the_deadline() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let (warm, cold) = (exporter(&pooler, &[]), exporter(&pooler, &[]));
        assert!(is_up(&scrape(&warm)));
        pooler.process().signal("STOP").unwrap();
        for exporter in [&warm, &cold, &warm] {
            let page = scrape_in_time(exporter);
            assert!(!is_up(&page), "{release}");
            let reasons = page.label_values("pgbouncer_up_reason", "reason");
            assert_eq!(reasons.into_iter().collect::<Vec<_>>(), ["timeout"], "{release}");
            assert!(page.samples("pgbouncer_pool_active_clients", &[]).is_empty(), "{release}");
        }
        let begin = Instant::now();
        assert_eq!(warm.get("/up").unwrap().status, 503, "{release}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{release}: {:?}", begin.elapsed());
        pooler.process().signal("CONT").unwrap();
        for exporter in [&warm, &cold] {
            until("it reads again", || is_up(&scrape(exporter)));
            let page = scrape(exporter);
            assert!(page.value("process_open_fds", &[]).unwrap() < 40.0, "{release}: {}", page.text);
        }
        until("no console is left open", || console_sessions(&pooler) == 0);
    });
}

#[test]
fn a_collector_file_cannot_change_a_pooler() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let config = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
        let branch = |name: &str, query: &str| {
            format!("{name}: {{ query: {query}, tags: [pgbouncer], metrics: [ one: {{ usage: GAUGE }} ] }}\n")
        };
        let text = branch("pause", "PAUSE") + &branch("two", "SHOW VERSION; PAUSE") + &branch("fds", "show fds;");
        std::fs::write(config.path(), text + &branch("good", "SHOW VERSION;")).unwrap();
        let url = pooler.url("admin", "pgbouncer");
        let exporter = exporter_of(&url, &["--config", config.path().to_str().unwrap()]);
        let page = scrape(&exporter);
        assert!(is_up(&page), "{release}");
        let success =
            |collector: &str| page.value("pgbouncer_exporter_collector_success", &[("collector", collector)]).unwrap();
        assert_eq!(["pause", "two", "fds", "good"].map(success), [0.0, 0.0, 0.0, 1.0], "{release}");
        assert!(exporter.log().contains("expected SHOW and one word"), "{release}: {}", exporter.log());
        assert!(pooler.console("RESUME").is_err(), "{release}: it was paused");
    });
}

#[test]
fn consoles_of_a_hung_pooler_never_exceed_the_budget() {
    let server = lab::Postgres::start(lab::Major::NEWEST).unwrap();
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST).database("app", &server, "").start().unwrap();
    let proxy = Proxy::start(pooler.port()).unwrap();
    let exporter = exporter_of(&through(&proxy, &pooler), &["--connect-timeout=1000"]);
    until("it reads", || is_up(&scrape(&exporter)));
    until("no console is open", || console_sessions(&pooler) == 0);
    proxy.freeze();
    let before = proxy.connections();
    let mut reasons = Vec::new();
    // A look may be a second old.
    until("it is told to be down", || exporter.get("/up").unwrap().status == 503);
    for _ in 0..6 {
        assert_eq!(exporter.get("/up").unwrap().status, 503);
        let page = scrape_in_time(&exporter);
        reasons.extend(page.label_values("pgbouncer_up_reason", "reason").into_iter().map(str::to_owned));
    }
    assert!(proxy.connections() - before <= 2, "{} consoles at a budget of 2", proxy.connections() - before);
    assert!(reasons.iter().all(|reason| ["timeout", "backends_not_ended"].contains(&&**reason)), "{reasons:?}");
    assert_eq!(reasons.last().map(String::as_str), Some("backends_not_ended"), "{}", exporter.log());
    proxy.thaw();
    until("it reads again", || is_up(&scrape(&exporter)));
    // An open one would hold up a shutdown in good order.
    until("what was given up is closed", || console_sessions(&pooler) == 0);
}
