//! Services as clients use them, watched by an exporter of their own.

use std::fs;

use super::fault::{Fault, Place};
use super::steps::{clients_through, freeze, primary, program_of};
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
];

/// Starts one more exporter of the primary, which watches one service, and has it scraped.
fn watch(lab: &Architecture, at: usize, role: &str, port: u16, login: &str) -> Result<Vec<Process>, LabError> {
    let node = &lab.nodes[at];
    let program = program_of(&node.exporters[0].process().pid().to_string())?;
    let file = node.member.socket_dir().join("services.yml");
    let service = format!(
        "orders:\n  url: postgres://{login}@127.0.0.1:{port}/postgres?sslmode=disable\n  role: {role}\n  interval: 2\n  timeout: 8\n"
    );
    fs::write(&file, service).map_err(LabError::io(format!("writing {}", file.display())))?;
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
    if !promotion.wait(super::steps::LIMIT).is_some_and(|status| status.success()) {
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
