//! node_exporter, which measures the machine.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::{LabError, run};
use crate::folder::Folder;
use crate::port::on_free_port;
use crate::process::Process;

/// Of all types, since a container's root is none of a disk.
const TYPES: &str = "--collector.filesystem.fs-types-include=.+";

/// Size of the file system of its own, in bytes, and the number of its inodes.
const DISK: (u64, u32) = (16 << 20, 256);

/// A running node_exporter. Dropping it ends it.
#[derive(Debug)]
pub struct NodeExporter {
    address: SocketAddr,
    process: Process,
    folder: Folder,
}

impl NodeExporter {
    /// Starts it and waits until it answers. It shows one file system, the root: neither the machine's full CD-ROM nor a
    /// container's lack of disks is the lab's.
    pub(crate) fn start() -> Result<NodeExporter, LabError> {
        let root = ["--collector.filesystem.mount-points-include=^/$".to_owned()];
        NodeExporter::launch(Folder::new()?, Process::command, &root)
    }

    /// The same, but it shows a small file system of its own, in a mount namespace of its own. That takes root's rights;
    /// without them it shows the root.
    pub(crate) fn start_with_disk() -> Result<NodeExporter, LabError> {
        if run(Command::new("unshare").args(["--mount", "true"])).is_err() {
            return NodeExporter::start();
        }
        let folder = Folder::new()?;
        let (image, disk, proc) = (folder.path().join("image"), disk_in(&folder), folder.path().join("proc"));
        let make = || {
            fs::File::create(&image)?.set_len(DISK.0)?;
            fs::create_dir(&disk)?;
            link_processes(&proc)
        };
        make().map_err(LabError::io(format!("preparing {}", folder.path().display())))?;
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0", "-N", &DISK.1.to_string()]).arg(&image))?;
        let arguments = [
            format!("--collector.filesystem.mount-points-include=^{}$", disk.display()),
            format!("--path.procfs={}", proc.display()),
        ];
        let with_disk = |program: PathBuf| {
            let mut command = Process::command("unshare");
            command.args(["--mount", "sh", "-c", r#"mount -o loop "$0" "$1"; shift; exec "$@""#]);
            command.arg(&image).arg(&disk).arg(program);
            command
        };
        NodeExporter::launch(folder, with_disk, &arguments)
    }

    fn launch(
        folder: Folder,
        command: impl Fn(PathBuf) -> Command,
        arguments: &[String],
    ) -> Result<NodeExporter, LabError> {
        let program = Cache::open()?.component(Component::NodeExporter)?.join("usr/bin/prometheus-node-exporter");
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = command(program.clone());
            command.arg(format!("--web.listen-address={address}")).arg(TYPES).args(arguments);
            command.current_dir(folder.path());
            let process = Process::start("node_exporter", command, &folder.path().join("node_exporter.log"))?;
            process.wait_until("answering", START_LIMIT, || process.listens_on(port) && answers(address, "/"))?;
            Ok((address, process))
        })?;
        Ok(NodeExporter { address, process, folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The small file system, as a folder that this process can write to.
    pub fn disk(&self) -> Option<PathBuf> {
        let disk = disk_in(&self.folder);
        let seen = Path::new("/proc").join(self.process.pid().to_string()).join("root");
        let seen = seen.join(disk.strip_prefix("/").unwrap_or(&disk));
        seen.join("lost+found").exists().then_some(seen)
    }

    /// Mounts the small file system anew: `ro` or `rw`.
    pub fn remount_disk(&self, option: &str) -> Result<(), LabError> {
        let (pid, option) = (self.process.pid().to_string(), format!("remount,{option}"));
        run(Command::new("nsenter")
            .args(["--target", &pid, "--mount", "mount", "-o", &option])
            .arg(disk_in(&self.folder)))
        .map(drop)
    }
}

fn disk_in(folder: &Folder) -> PathBuf {
    folder.path().join("disk")
}

/// A folder with all of `/proc` but the processes: without the first of them node_exporter reads its own mounts.
fn link_processes(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    for entry in fs::read_dir("/proc")? {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
        if !name.to_string_lossy().starts_with(|first: char| first.is_ascii_digit()) {
            symlink(path, folder.join(name))?;
        }
    }
    Ok(())
}
