//! Hosts and their file systems.

use std::fs;
use std::path::PathBuf;

use super::fault::{Fault, Place};
use super::steps::{LIMIT, freeze, kill, start_again};
use crate::{Architecture, LabError, Target};

/// An address that the lab has for no other host.
const ADDRESS: &str = "127.0.0.9";

pub const FAULTS: &[Fault] = &[Fault {
    alerts: &["HostDown"],
    what: "freeze all exporters of a node that has an address of its own, and kill its replica with Patroni",
    place: Place::Replica,
    cause: |lab, at| {
        let name = lab.nodes[at].member.name();
        lab.prometheus.scrape(&with_own_address(lab, name))?;
        wait_for_host(lab)?;
        freeze(lab.node_exporter.process())?;
        for exporter in &lab.nodes[at].exporters {
            freeze(exporter.process())?;
        }
        kill(lab, at)
    },
    mend: |lab, at| {
        lab.node_exporter.process().signal("CONT")?;
        lab.nodes[at].exporters.iter().try_for_each(|exporter| exporter.signal("CONT"))?;
        start_again(lab, at)?;
        wait_for_host(lab)?;
        lab.prometheus.scrape(&lab.targets())
    },
}];

/// Those that need a small file system of the lab's own, as root has it.
pub const ON_A_DISK: &[Fault] = &[
    Fault {
        alerts: &["DiskFilling", "HostInodesLow"],
        what: "fill a file system with small files",
        place: Place::Primary,
        cause: |lab, _| {
            let folder = files(lab)?;
            fs::create_dir(&folder).map_err(LabError::io(format!("creating {}", folder.display())))?;
            // Until nothing more fits: it has room for so many bytes or so many files.
            let sizes = [vec![60 << 10; 235], vec![1 << 20; 16]].concat();
            for (number, size) in sizes.into_iter().enumerate() {
                fs::write(folder.join(number.to_string()), vec![0; size]).ok();
            }
            Ok(Vec::new())
        },
        mend: |lab, _| {
            let folder = files(lab)?;
            fs::remove_dir_all(&folder).map_err(LabError::io(format!("emptying {}", folder.display())))
        },
    },
    Fault {
        alerts: &["HostFilesystemReadOnly"],
        what: "remount a file system read-only",
        place: Place::Primary,
        cause: |lab, _| lab.node_exporter.remount_disk("ro").map(|()| Vec::new()),
        mend: |lab, _| lab.node_exporter.remount_disk("rw"),
    },
];

/// Where the small file system has the fault's files.
fn files(lab: &Architecture) -> Result<PathBuf, LabError> {
    let disk = lab.node_exporter.disk();
    disk.map(|disk| disk.join("files")).ok_or_else(|| LabError::Unexpected("no small file system".into()))
}

/// All targets, with an address of its own for the host of a node.
fn with_own_address(lab: &Architecture, node: &str) -> Vec<Target> {
    let mut targets = lab.targets();
    for target in &mut targets {
        if target.labels.iter().any(|(name, value)| name == "ins" && value == node) {
            target.labels.retain(|(name, _)| name != "ip");
            target.labels.push(("ip".to_owned(), ADDRESS.to_owned()));
        }
    }
    targets
}

/// Waits until all targets of that host are scraped.
fn wait_for_host(lab: &Architecture) -> Result<(), LabError> {
    lab.prometheus.wait_for(&format!(r#"count(up{{ip="{ADDRESS}"}} == 1) == 4"#), LIMIT).map(drop)
}
