//! Services as clients use them: each broken hop is named, whatever the state of the exporter's own server.

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::{Balancer, BouncerRelease, Exporter, MONITOR_PASSWORD, Major, PgBouncer, Postgres};
use support::certificates::{Authority, written};
use support::{LIMIT, Page, binary, scrape, until};
use tempfile::TempDir;

use super::connection::tls::switch_tls_on;

mod canary;

/// An exporter of a server, and the file of its services.
struct Watch {
    exporter: Exporter,
    folder: TempDir,
}

impl Watch {
    fn start(url: &str, services: &str) -> Watch {
        let folder = tempfile::tempdir().unwrap();
        let file = written(folder.path(), "services.yml", services);
        let env = [("PG_EXPORTER_URL", url), ("PG_EXPORTER_SERVICES", file.to_str().unwrap())];
        let exporter = Exporter::start(binary(), &["--no-auto-discovery"], &env).unwrap();
        Watch { exporter, folder }
    }

    fn file(&self) -> &Path {
        self.folder.path()
    }

    /// Whether the service fails at that hop and no other; at none if that is empty.
    fn fails_at(&self, service: &str, hop: &str) -> bool {
        let page = scrape(&self.exporter);
        failing(&page, service) == hop && page.value("pg_service_ok", &[("service", service)]).is_some()
    }

    /// What `explain` says of a service.
    fn explained(&self, service: &str) -> String {
        let explain = self.exporter.get("/explain").unwrap().text();
        explain.lines().find(|line| line.starts_with(&format!("# service {service}: "))).unwrap_or(&explain).to_owned()
    }

    /// Waits until it does, with these words on the page.
    fn awaits(&self, service: &str, hop: &str, words: &str) -> Page {
        let mut line = String::new();
        // The page and the line may be of two probes.
        until(&format!("{service} fails at {hop:?}: {words}"), || {
            let fails = self.fails_at(service, hop);
            line = self.explained(service);
            fails && line.contains(words)
        });
        assert!(!line.contains(MONITOR_PASSWORD), "{line}");
        assert!(self.exporter.get("/").unwrap().text().contains(&format!("service {service}")));
        scrape(&self.exporter)
    }
}

/// The hops at which a service fails.
fn failing(page: &Page, service: &str) -> String {
    let failed = page.samples("pg_service_hop_failed", &[("service", service)]);
    let hops = failed.iter().filter(|sample| sample.value == 1.0).map(|sample| sample.labels["hop"].clone());
    hops.collect::<Vec<_>>().join(",")
}

fn url(port: u16) -> String {
    format!("postgres://monitor:{MONITOR_PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable")
}

fn service(name: &str, url: &str, role: &str) -> String {
    format!("{name}:\n  url: {url}\n  role: {role}\n  interval: 1\n  timeout: 2\n")
}

#[test]
fn each_broken_hop_is_named() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    let standby = primary.standby("standby1").unwrap();
    // Servers of one version are copies of one cluster.
    let stranger = Postgres::start(Major::V14).unwrap();
    let direct = Balancer::start(&[(primary.port(), "")]).unwrap();
    let empty = Balancer::start(&[(primary.port(), "disabled")]).unwrap();
    let stale = Balancer::start(&[(standby.port(), "")]).unwrap();
    let second = primary.standby("standby2").unwrap();
    second.promote().unwrap();
    let both = Balancer::start(&[(primary.port(), ""), (second.port(), "")]).unwrap();
    let name = "postgres://monitor@no-such-host.invalid/postgres";
    // An address of documentation, which no host has: packets are lost, or the kernel has no route.
    let nowhere = "host=2001:db8::1 user=monitor dbname=postgres";
    let wrong = format!("postgres://monitor:wrong@127.0.0.1:{}/none?sslmode=disable", primary.port());
    let services = [
        service("good", &url(direct.port()), "primary"),
        service("read", &url(standby.port()), "standby") + "  max_lag: 60\n",
        service("dns", name, "primary"),
        service("address", nowhere, "primary"),
        service("listener", &url(1), "primary"),
        service("balancer", &url(empty.port()), "primary"),
        service("login", &wrong, "primary"),
        service("split", &url(both.port()), "primary"),
        service("role", &url(stale.port()), "primary"),
        service("cluster", &url(stranger.port()), "primary"),
    ]
    .concat();
    let watch = Watch::start(&primary.url("monitor", "postgres"), &services);
    let page = watch.awaits("good", "", &format!("primary at 127.0.0.1:{}", primary.port()));
    assert_eq!(page.value("pg_service_up", &[("service", "good")]), Some(1.0));
    for step in ["connect", "login", "query"] {
        let took = page.value("pg_service_step_seconds", &[("service", "good"), ("step", step)]).unwrap();
        assert!((0.0..2.0).contains(&took), "{step}: {took}");
    }
    let identifier = primary.psql("postgres", "select system_identifier from pg_control_system()").unwrap();
    let labels = [("service", "good"), ("role", "primary"), ("system_identifier", identifier.as_str())];
    assert_eq!(page.value("pg_service_answer_info", &labels), Some(1.0), "{}", page.text);
    let page = watch.awaits("read", "", "standby at");
    assert!(page.value("pg_service_lag_seconds", &[("service", "read")]).is_some(), "{}", page.text);
    for (hop, words) in [
        ("dns", "cannot resolve the host name"),
        ("address", "address: "),
        ("listener", "nothing listens at the port"),
        ("balancer", "no healthy server"),
        ("login", "login: "),
        ("split", "two primaries answer in turn"),
        ("role", "expected a primary, found a standby at"),
        ("cluster", "another cluster answers, system identifier"),
    ] {
        watch.awaits(hop, hop, words);
    }
}

#[test]
fn pooler_and_server_are_told_apart_and_the_page_outlives_the_server() {
    let mut server = Postgres::start(Major::NEWEST).unwrap();
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST)
        .database_line(&format!("postgres = host=127.0.0.1 port={} dbname=postgres", server.port()))
        .setting("query_wait_timeout", "60")
        .start()
        .unwrap();
    let front = Balancer::start(&[(pooler.port(), "")]).unwrap();
    let services = service("pooled", &url(front.port()), "primary") + &service("direct", &url(server.port()), "any");
    let watch = Watch::start(&server.url("monitor", "postgres"), &services);
    watch.awaits("pooled", "", "primary at");
    let file = watch.file().join("services.yml").display().to_string();
    let url = server.url("monitor", "postgres");
    let report =
        Command::new(binary()).args(["doctor", "--services", &file]).env("PG_EXPORTER_URL", &url).output().unwrap();
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(report.contains("service pooled: ") && report.contains("primary at"), "{report}");

    pooler.console("PAUSE postgres").unwrap();
    watch.awaits("pooled", "pooler", "is the pool paused or full");
    pooler.console("RESUME postgres").unwrap();
    watch.awaits("pooled", "", "primary at");

    pooler.process().signal("STOP").unwrap();
    watch.awaits("pooled", "pooler", "frozen");
    pooler.process().signal("CONT").unwrap();
    watch.awaits("pooled", "", "primary at");

    server.stop().unwrap();
    watch.awaits("direct", "listener", "nothing listens at the port");
    let page = watch.awaits("pooled", "pooler", "");
    assert_eq!(page.value("pg_up", &[]), Some(0.0));
    server.start_again().unwrap();
    watch.awaits("direct", "", "primary at");
    watch.awaits("pooled", "", "primary at");
}

#[test]
fn services_are_on_the_page_of_a_server_that_was_never_reached() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let authority = Authority::new("ours");
    let root = tempfile::tempdir().unwrap();
    let root = written(root.path(), "root.crt", &authority.pem).display().to_string();
    let at =
        format!("host=localhost hostaddr=127.0.0.1 port={} user=monitor password={MONITOR_PASSWORD}", server.port());
    let url = format!("{at} dbname=postgres sslmode=verify-full sslrootcert={root}");
    switch_tls_on(&server, &authority.issue_until("localhost", 2020), &authority);
    let watch = Watch::start("postgres://monitor@127.0.0.1:1/postgres", &service("secure", &url, "any"));
    let page = watch.awaits("secure", "tls", "expired");
    assert_eq!(page.value("pg_up", &[]), Some(0.0));
    let expiry = |page: &Page| page.value("pg_service_certificate_expiry_timestamp_seconds", &[("service", "secure")]);
    assert_eq!(expiry(&page), Some(1_577_836_800.0));
    switch_tls_on(&server, &authority.issue("localhost"), &authority);
    let page = watch.awaits("secure", "", "primary at");
    assert!(expiry(&page) > Some(4e9) && failing(&page, "secure").is_empty());

    // A file with an error changes nothing, and a good one is read without a restart.
    let file = watch.file().join("services.yml");
    fs::write(&file, "other:\n  url: host=127.0.0.1\n  role: master\n").unwrap();
    let refused = watch.exporter.request("POST", "/reload", &[]).unwrap();
    assert!(refused.status >= 400 && refused.text().contains("services.yml:3:9: service other"), "{}", refused.text());
    assert!(watch.fails_at("secure", ""));
    fs::write(&file, service("renamed", &url, "any")).unwrap();
    assert_eq!(watch.exporter.request("POST", "/reload", &[]).unwrap().status, 200);
    let page = watch.awaits("renamed", "", "primary at");
    assert!(page.samples("pg_service_ok", &[("service", "secure")]).is_empty());
    let sessions = "select count(*) <= 1 from pg_stat_activity where application_name = 'pg-exporter'";
    server.wait_for(sessions, LIMIT).unwrap();
}
