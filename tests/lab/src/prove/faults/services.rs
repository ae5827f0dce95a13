//! Services as clients use them, watched by an exporter of their own.

use std::fs;

use super::fault::{Fault, Place};
use super::steps::{LIMIT, clients_through, freeze, primary, program_of, reset, set, sql};
use crate::architecture::{SCOPE, Service};
use crate::port::free_port;
use crate::prove::standbys::StandbyPlan;
use crate::{Architecture, Balancer, Exporter, LabError, MONITOR_PASSWORD, Process, Target};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["ServiceUnreachable"],
        what: "freeze the pooler behind the service of the primary",
        place: Place::Primary,
        cause: |lab, at| {
            let watching = watch(lab, at, "primary", lab.haproxy.port(Service::Primary), "app:app")?;
            freeze(lab.nodes[at].pooler.process())?;
            Ok(watching)
        },
        mend: |lab, at| {
            lab.nodes[at].pooler.process().signal("CONT")?;
            mend(lab, at)
        },
    },
    Fault {
        alerts: &["ServiceSlow"],
        what: "fill the pool of the service of the primary with transactions of 1.2 s",
        place: Place::Primary,
        cause: |lab, at| {
            let mut running = watch(lab, at, "primary", lab.haproxy.port(Service::Primary), "app:app")?;
            let port = lab.haproxy.port(Service::Primary);
            running.push(clients_through(&lab.nodes[at].member, port, 20, "select pg_sleep(1.2);\n")?);
            Ok(running)
        },
        mend,
    },
    Fault {
        alerts: &["ServiceWrongRole"],
        what: "lead a service of the primary to the replicas",
        place: Place::Primary,
        cause: |lab, at| watch(lab, at, "primary", lab.haproxy.port(Service::Replica), "app:app"),
        mend,
    },
    Fault {
        alerts: &["ServiceSplit"],
        what: "promote a copy of the primary behind the same address",
        place: Place::Primary,
        cause: split,
        mend,
    },
    Fault {
        alerts: &["ServiceCanaryFailing"],
        what: "let commits wait for a standby that does not exist",
        place: Place::Primary,
        cause: |lab, at| {
            let watching = watch_canary(lab, at)?;
            set(lab, at, "synchronous_standby_names = 'nobody'")?;
            Ok(watching)
        },
        mend: |lab, at| {
            reset(lab, at, "synchronous_standby_names")?;
            forget_canary(lab, at)
        },
    },
    Fault {
        alerts: &["ServiceWriteLost"],
        what: "delete a row that was committed through a service",
        place: Place::Primary,
        cause: |lab, at| {
            let watching = watch_canary(lab, at)?;
            sql(lab, at, "delete from canary")?;
            Ok(watching)
        },
        mend: forget_canary,
    },
];

/// Watches one service.
fn watch(lab: &Architecture, at: usize, role: &str, port: u16, login: &str) -> Result<Vec<Process>, LabError> {
    let url = format!("postgres://{login}@127.0.0.1:{port}/postgres?sslmode=disable");
    watch_all(lab, at, &format!("orders:\n  url: {url}\n  role: {role}\n  interval: 2\n  timeout: 8\n"))
}

/// Watches a service with a canary, which has been written when it returns.
fn watch_canary(lab: &Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    sql(
        lab,
        at,
        "create table canary (service text primary key, number bigint not null, written timestamptz not null);
         grant select, insert, update on canary to monitor",
    )?;
    let url = lab.nodes[at].member.monitor_url("postgres");
    let service =
        format!("orders:\n  url: {url}\n  role: primary\n  canary: public.canary\n  interval: 2\n  timeout: 3\n");
    let watching = watch_all(lab, at, &service)?;
    lab.prometheus.wait_for("pg_service_canary_writes_total > 0", LIMIT)?;
    Ok(watching)
}

fn forget_canary(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    sql(lab, at, "drop table canary")?;
    mend(lab, at)
}

/// Starts one more exporter of the primary with this services file, and has it scraped.
fn watch_all(lab: &Architecture, at: usize, services: &str) -> Result<Vec<Process>, LabError> {
    let node = &lab.nodes[at];
    let program = program_of(&node.exporters[0].process().pid().to_string())?;
    let file = node.member.socket_dir().join("services.yml");
    fs::write(&file, services).map_err(LabError::io(format!("writing {}", file.display())))?;
    let services = format!("--services={}", file.display());
    let url = node.member.monitor_url("postgres");
    let exporter = Exporter::start(&program, &[&services, "--disable-sampling"], &[("PG_EXPORTER_URL", &url)])?;
    let address = exporter.address();
    let target = Target::new("pg", address).label("cls", SCOPE).label("ins", "services");
    let mut targets = lab.targets();
    targets.push(target.label("ip", &address.ip().to_string()));
    lab.prometheus.scrape(&targets)?;
    Ok(vec![exporter.into_process()])
}

/// Two primaries answer in turn: the cluster's, and a copy of it.
fn split(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    let member = &lab.nodes[primary(lab)?].member;
    let plan = StandbyPlan { name: "second", port: free_port()?, settings: &[], streams: true };
    let copy = plan.start(member)?;
    let data = plan.folder(member).display().to_string();
    let promotion = member.start_client("pg_ctl", &["-D", &data, "promote"])?;
    if !promotion.wait(LIMIT).is_some_and(|status| status.success()) {
        return Err(LabError::Unexpected(format!("promoting a copy: {}", promotion.log_tail())));
    }
    let both = Balancer::start(&[(member.port(), ""), (plan.port, "")])?;
    let mut running = watch(lab, at, "primary", both.port(), &format!("monitor:{MONITOR_PASSWORD}"))?;
    running.extend([both.into_process(), copy]);
    Ok(running)
}

/// Ends the scrapes of the exporter.
fn mend(lab: &mut Architecture, _: usize) -> Result<(), LabError> {
    lab.prometheus.scrape(&lab.targets())
}
