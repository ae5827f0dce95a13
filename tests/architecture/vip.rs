//! An address that follows the primary, an exporter that follows the address, and the address as a service: with a name,
//! HAProxy, PgBouncer and TLS, each of which breaks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lab::entrance::{BROKEN, Entrance};
use lab::{Exporter, LEADER_TTL, VipPair};
use support::certificates::written;
use support::{Page, binary, one_at_a_time};

/// Beside what Patroni's own time to live takes.
const LIMIT: Duration = Duration::from_secs(40);

/// An exporter on the hub, which reads whoever has the address.
struct Watcher {
    exporter: Exporter,
    // After what runs in it.
    entrance: Entrance,
}

impl Watcher {
    fn pair(&self) -> &VipPair {
        &self.entrance.pair
    }

    fn get(&self, path: &str) -> lab::Response {
        self.pair().network().hub().inside(|| self.exporter.get(path)).unwrap()
    }

    /// The one scrape shows the primary of that host, and the health endpoint agrees.
    fn shows(&self, host: usize) {
        let page = Page::parse(self.get("/metrics").text());
        let started = "select extract(epoch from pg_postmaster_start_time())";
        let started: f64 = self.pair().members[host].psql("postgres", started).unwrap().parse().unwrap();
        let shown = page.value("pg_boot_time", &[]);
        assert!(shown.is_some_and(|shown| (shown - started).abs() < 0.001), "{shown:?}, not {started}\n{}", page.text);
        assert_eq!(page.value("pg_in_recovery", &[]), Some(0.0));
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        self.serves();
        let primary = self.get("/primary");
        assert_eq!((primary.status, primary.text().as_str()), (200, "primary"));
    }
}

/// A switchover takes seconds; the alert waits for a minute.
const PROMISED_SECONDS: f64 = 60.0;

impl Watcher {
    /// The service answers as it promises.
    fn serves(&self) {
        let ok = || Page::parse(self.get("/metrics").text()).value("pg_service_ok", &[("service", "rw")]) == Some(1.0);
        support::until("the service answers as promised", ok);
    }

    /// How many probes, one a second, failed at each hop since the start.
    fn failures(&self) -> BTreeMap<String, f64> {
        let page = Page::parse(self.get("/metrics").text());
        let failures = page.samples("pg_service_hop_failures_total", &[("service", "rw")]);
        failures.iter().map(|sample| (sample.labels["hop"].clone(), sample.value)).collect()
    }
}

#[test]
fn next_scrape_through_the_vip_reads_the_new_primary() {
    let _turn = one_at_a_time();
    let entrance = Entrance::start(binary()).unwrap();
    let url = entrance.pair.monitor_url();
    let folder = tempfile::tempdir().unwrap();
    let service = format!("rw:\n  url: {url}\n  role: primary\n  interval: 1\n  timeout: 2\n");
    let services = written(folder.path(), "services.yml", &service).display().to_string();
    let env = [("PG_EXPORTER_URL", url.as_str()), ("PG_EXPORTER_SERVICES", services.as_str())];
    let exporter = entrance.pair.network().hub().inside(|| Exporter::start(binary(), &[], &env));
    let mut watcher = Watcher { exporter: exporter.unwrap(), entrance };
    watcher.shows(0);

    let switchover = watcher.entrance.switch_over().unwrap();
    println!("{switchover}");
    watcher.shows(1);
    only_one_has_it(watcher.pair(), 1);
    let switched = watcher.failures();
    println!("failed probes during the switchover: {switched:?}");
    for failures in [&switched, &switchover.failures] {
        assert!(failures.values().sum::<f64>() < PROMISED_SECONDS, "{failures:?}");
        assert!(
            ["split", "cluster"].iter().all(|hop| failures.get(*hop).is_none_or(|count| *count == 0.0)),
            "{failures:?}"
        );
    }

    // The primary is cut off: it cannot tell anybody, and nobody can tell it.
    let replica = "select count(*) = 1 from pg_stat_replication where state = 'streaming'";
    watcher.pair().members[1].wait_for_query(replica, LIMIT).unwrap();
    let cut = Instant::now();
    watcher.pair().network().cut(1).unwrap();
    watcher.pair().wait_for(0, LEADER_TTL + LIMIT).unwrap();
    println!("the address was with the other host {:.1} s after the cut", cut.elapsed().as_secs_f64());
    watcher.shows(0);
    let cut = watcher.failures();
    println!("failed probes after the cut: {cut:?}");
    assert!(cut["address"] > switched["address"], "{cut:?}");

    watcher.pair().network().mend(1).unwrap();
    only_one_has_it(watcher.pair(), 0);
    watcher.pair().members[0].wait_for_query(replica, LIMIT).unwrap();
    watcher.shows(0);

    for broken in BROKEN.iter().filter(|broken| broken.is_quick) {
        println!("{}", watcher.entrance.prove(broken).unwrap());
    }
}

/// A manager takes the address away when it sees that its member does not lead any more.
fn only_one_has_it(pair: &VipPair, host: usize) {
    support::until("only one host has the address", || pair.holders().unwrap() == [host]);
}
