//! A network that is cut between an exporter and its server, again and again: the server ends the sessions that nobody
//! reads any more, and a role with a connection limit is let in again.

use std::time::{Duration, Instant};

use lab::{BackendWatch, Exporter, Major, Network, Postgres};
use support::outcome::embedded_and;
use support::{Page, binary};
use tempfile::TempDir;

/// How long each cut lasts.
const CUT: Duration = Duration::from_secs(30);
const CUTS: usize = 3;
/// What the exporter keeps by default if the role may have five.
const BUDGET: usize = 3;
/// By then both sides have noticed that the peer is gone.
const NOTICED: Duration = Duration::from_secs(40);

/// Runs whenever a cut comes, so that the server has an answer that nobody acknowledges.
const SLOW: &str = "
slow:
  query: select current_database() AS datname, 8 AS n from pg_sleep(4)
  timeout: 8
  metrics: [ datname: { usage: LABEL }, n: { usage: GAUGE } ]
";

/// An exporter on one host, its server on the other.
struct Site {
    exporter: Exporter,
    watch: Option<BackendWatch>,
    server: Postgres,
    _config: TempDir,
    // After what runs in it.
    network: Network,
}

const EXPORTER: usize = 0;
const SERVER: usize = 1;

impl Site {
    fn new() -> Self {
        // From inside a namespace nothing can be downloaded.
        drop(Postgres::start(Major::NEWEST).unwrap());
        let network = Network::new(2).unwrap();
        let start = || {
            let server = Postgres::builder(Major::NEWEST).setting("listen_addresses", "*");
            server.hba_line("host all monitor 10.99.0.0/24 trust").start()
        };
        let server = network.hosts()[SERVER].inside(start).unwrap();
        server.psql("postgres", include_str!("../../collectors/pg/grants.sql")).unwrap();
        server.psql("postgres", "alter role monitor connection limit 5").unwrap();
        server.psql("postgres", "create database shop; create database stock").unwrap();
        let watch = Some(server.backends(" monitor ").watch());
        let (config, address) = (embedded_and(SLOW), network.hosts()[SERVER].address());
        let url = format!("postgres://monitor@{address}:{}/postgres", server.port());
        let args = ["--cache-ttls=1,1,1,1", "--config", config.path().to_str().unwrap()];
        let start = || Exporter::start(binary(), &args, &[("PG_EXPORTER_URL", &url)]);
        let exporter = network.hosts()[EXPORTER].inside(start).unwrap();
        Self { exporter, watch, server, _config: config, network }
    }

    /// As Prometheus does, which waits no longer than five seconds.
    fn scrape(&self) -> Page {
        self.scrape_within(5)
    }

    fn scrape_within(&self, seconds: u64) -> Page {
        let limit = [("X-Prometheus-Scrape-Timeout-Seconds", &*seconds.to_string())];
        let get = || self.exporter.get_with("/metrics", &limit);
        let response = self.network.hosts()[EXPORTER].inside(get).unwrap();
        assert!(response.status == 200 && response.elapsed < Duration::from_secs(seconds), "{:?}", response.elapsed);
        Page::parse(response.text())
    }

    fn backends(&self) -> Vec<String> {
        self.watch.as_ref().unwrap().now()
    }

    /// Scrapes until the server is up, and says how long that took.
    fn is_up(&self) -> Duration {
        let begun = Instant::now();
        loop {
            let page = self.scrape();
            if page.is_up() {
                return begun.elapsed();
            }
            let state = (page.reason().unwrap_or_default(), self.backends());
            assert!(
                begun.elapsed() < NOTICED,
                "not up within {NOTICED:?} after a cut: {state:#?}\n{}",
                self.exporter.log()
            );
        }
    }

    /// Scrapes until the other databases are read, while the slow query runs, so that the next cut finds connections in use
    /// and idle ones.
    fn is_busy(&self) {
        let deadline = Instant::now() + NOTICED;
        let is_read = |page: &Page, datname| {
            page.value("pg_exporter_collector_success", &[("collector", "pg_table"), ("datname", datname)]) == Some(1.0)
        };
        let running = "select exists (select from pg_stat_activity where usename = 'monitor' and query ~ 'pg_sleep' and state = 'active')";
        let mut page = self.scrape();
        while !["shop", "stock"].iter().all(|datname| is_read(&page, datname)) {
            assert!(Instant::now() < deadline, "not read within {NOTICED:?}\n{}\n{}", page.text, self.exporter.log());
            page = self.scrape();
        }
        // It has not ended when this one is answered.
        while self.server.psql("postgres", running).unwrap() != "t" {
            assert!(Instant::now() < deadline, "no slow query within {NOTICED:?}\n{}", self.exporter.log());
            self.scrape_within(2);
        }
    }

    /// Scrapes until the cut is over.
    fn is_down(&self) {
        let end = Instant::now() + CUT;
        let mut down = 0;
        while Instant::now() < end {
            down += usize::from(!self.scrape().is_up());
        }
        assert!(down > 1, "{}", self.exporter.log());
    }

    /// Cuts, scrapes and mends, over and over.
    fn survives(mut self, cut: impl Fn(&Network), mend: impl Fn(&mut Network)) {
        self.is_up();
        for number in 1..=CUTS {
            self.is_busy();
            cut(&self.network);
            self.is_down();
            mend(&mut self.network);
            let after = self.is_up().as_secs_f64();
            println!("cut {number}: up {after:.1} s after its end, {:?}", self.backends());
        }
        let deadline = Instant::now() + NOTICED;
        while self.backends().len() > BUDGET {
            assert!(Instant::now() < deadline, "{:#?}", self.backends());
            self.scrape();
        }
        let most = self.watch.take().unwrap().most();
        assert!(most.len() <= BUDGET, "{most:#?}\n{}", self.exporter.log());
        assert!(self.scrape().is_up());
    }
}

#[test]
fn cuts_of_the_link_do_not_lock_the_exporter_out() {
    Site::new().survives(|network| network.cut(SERVER).unwrap(), |network| network.mend(SERVER).unwrap());
}

#[test]
fn connections_dropped_by_nat_do_not_lock_the_exporter_out() {
    Site::new().survives(
        |network| network.silence(EXPORTER).unwrap(),
        |network| {
            network.readdress(EXPORTER).unwrap();
            network.mend(EXPORTER).unwrap();
        },
    );
}
