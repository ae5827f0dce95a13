//! The situations.

use std::path::Path;

use super::setup::LIMIT;
use super::situation::{Props, Situation};
use crate::architecture::SCOPE;
use crate::port::free_port;
use crate::prove::scale::CACHE_TTLS;
use crate::prove::standbys::StandbyPlan;
use crate::{Architecture, Exporter, LabError, MONITOR_PASSWORD, Major, Member, Postgres, Target};

/// All of them.
pub const SITUATIONS: &[Situation] = &[
    Situation {
        what: "a standby streams from a replica",
        alerts: &[],
        server: Some("cascade"),
        seen: r#"pg_recv_state{ins="cascade"} == 0 and on () pg_in_recovery{ins="cascade"} == 1"#,
        begin: |lab, programs| {
            let from = &lab.nodes[replica(lab)?].member;
            standby(from, programs, &plan("cascade", &[], true)?)
        },
        end: |lab| remove(lab, "cascade"),
    },
    Situation {
        what: "a standby replays everything an hour late",
        alerts: &[],
        server: Some("delayed"),
        seen: r#"pg_setting_recovery_min_apply_delay{ins="delayed"} > 0 and on () pg_in_recovery{ins="delayed"} == 1"#,
        begin: |lab, programs| {
            let plan = plan("delayed", &["recovery_min_apply_delay=1h"], true)?;
            let props = standby(primary(lab)?, programs, &plan)?;
            // What it has to wait with.
            write_wal(primary(lab)?)?;
            Ok(props)
        },
        end: |lab| remove(lab, "delayed"),
    },
    Situation {
        what: "a standby reads WAL from the archive only",
        alerts: &[],
        server: Some("archived"),
        seen: r#"pg_standby_archive_only{ins="archived"} == 1"#,
        begin: |lab, programs| {
            let member = primary(lab)?;
            let data = plan("archived", &[], false)?.folder(member);
            let restore = format!("restore_command={}", lab.backrest.restore_command_of(SCOPE, &data));
            let props = standby(member, programs, &plan("archived", &[&restore], false)?)?;
            write_wal(primary(lab)?)?;
            Ok(props)
        },
        end: |lab| remove(lab, "archived"),
    },
    Situation {
        what: "a new standby is copied from the primary, slowly",
        alerts: &[],
        server: None,
        seen: "pg_backup_elapsed_seconds",
        begin: |lab, _| {
            let folder = primary(lab)?.socket_dir().join("clone").display().to_string();
            let rate = ["-D", &folder, "-X", "stream", "-c", "fast", "--max-rate", "256k"];
            Ok(Props { processes: vec![primary(lab)?.start_client("pg_basebackup", &rate)?], ..Props::default() })
        },
        end: |lab| {
            // It has a second process, which goes on streaming.
            end_walsenders(lab, "pg_basebackup")?;
            remove(lab, "clone")
        },
    },
    Situation {
        what: "pg_receivewal keeps a second archive",
        alerts: &[],
        server: None,
        seen: r#"count(pg_repl_state{appname="pg_receivewal"} == 0)"#,
        begin: |lab, _| {
            let folder = primary(lab)?.socket_dir().join("received");
            let folder = folder.display().to_string();
            let make = primary(lab)?.start_client("mkdir", &[&folder])?;
            make.wait(LIMIT);
            let processes = vec![primary(lab)?.start_client("pg_receivewal", &["-D", &folder])?];
            Ok(Props { processes, ..Props::default() })
        },
        end: |lab| {
            end_walsenders(lab, "pg_receivewal")?;
            remove(lab, "received")
        },
    },
    Situation {
        what: "the exporter of the primary hangs",
        alerts: &["ExporterDown"],
        server: None,
        seen: r#"up{job="pg"} == 0"#,
        begin: |lab, _| {
            let at = lab.primary().ok_or_else(no_primary)?;
            lab.nodes[at].exporters[0].signal("STOP")?;
            Ok(Props::default())
        },
        end: |lab| lab.nodes.iter().try_for_each(|node| node.exporters[0].signal("CONT")),
    },
    Situation {
        what: "another region has a cluster of the same name",
        alerts: &[],
        server: None,
        seen: r#"pg_in_recovery{region="west"} == 0"#,
        begin: |_, programs| {
            let server = Postgres::builder(Major::V18).setting("fsync", "on").start()?;
            let exporter = exporter(programs, &server.url("monitor", "postgres"))?;
            let target = target(&exporter, &format!("{SCOPE}-1")).label("region", "west");
            Ok(Props { exporters: vec![(exporter, target)], servers: vec![server], ..Props::default() })
        },
        end: |_| Ok(()),
    },
];

fn primary(lab: &Architecture) -> Result<&Member, LabError> {
    lab.primary().map(|at| &lab.nodes[at].member).ok_or_else(no_primary)
}

fn replica(lab: &Architecture) -> Result<usize, LabError> {
    lab.replica().ok_or_else(|| LabError::Unexpected("no member is a replica now".into()))
}

fn no_primary() -> LabError {
    LabError::Unexpected("no member is the primary now".into())
}

fn plan<'a>(name: &'static str, settings: &'a [&'a str], streams: bool) -> Result<StandbyPlan<'a>, LabError> {
    Ok(StandbyPlan { name, port: free_port()?, settings, streams })
}

/// A standby with an exporter of its own.
fn standby(from: &Member, programs: &Path, plan: &StandbyPlan<'_>) -> Result<Props, LabError> {
    let process = plan.start(from)?;
    let url = format!("postgres://monitor:{MONITOR_PASSWORD}@127.0.0.1:{}/postgres", plan.port);
    let exporter = exporter(programs, &url)?;
    let target = target(&exporter, plan.name);
    Ok(Props { exporters: vec![(exporter, target)], processes: vec![process], ..Props::default() })
}

fn exporter(programs: &Path, url: &str) -> Result<Exporter, LabError> {
    Exporter::start(&programs.join("pg-exporter"), &[CACHE_TTLS], &[("PG_EXPORTER_URL", url)])
}

fn target(exporter: &Exporter, instance: &str) -> Target {
    Target::new("pg", exporter.address()).label("cls", SCOPE).label("ins", instance).label("ip", "127.0.0.1")
}

/// Lets the primary begin two WAL files.
fn write_wal(member: &Member) -> Result<(), LabError> {
    let write = "select pg_logical_emit_message(true, 'situation', 'a record'), pg_switch_wal();\n";
    member.psql("postgres", &write.repeat(2)).map(drop)
}

fn end_walsenders(lab: &Architecture, name: &str) -> Result<(), LabError> {
    let end = format!("select pg_terminate_backend(pid) from pg_stat_replication where application_name = '{name}'");
    primary(lab)?.psql("postgres", &end).map(drop)
}

/// Removes what a situation left beside a member's data; what still runs there ends with the props.
fn remove(lab: &Architecture, name: &str) -> Result<(), LabError> {
    let folders = lab.nodes.iter().map(|node| node.member.socket_dir().join(name)).filter(|folder| folder.exists());
    for folder in folders {
        std::fs::remove_dir_all(&folder).map_err(LabError::io(format!("removing {}", folder.display())))?;
    }
    Ok(())
}
