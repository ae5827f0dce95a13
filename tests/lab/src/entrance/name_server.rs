//! dnsmasq: the name server that knows the names of services.

use std::net::{Ipv4Addr, SocketAddr};

use crate::account::bare_environment;
use crate::architecture::{Component, START_LIMIT};
use crate::cache::Cache;
use crate::folder::Folder;
use crate::pgbouncer::loader;
use crate::{LabError, Process};

const PORT: u16 = 53;

/// The domain in which it answers for every name, also for those that it does not know.
pub(super) const DOMAIN: &str = "lab";

/// A running dnsmasq. Dropping it ends it.
#[derive(Debug)]
pub(super) struct NameServer {
    // Before the folder, so that it is dropped first.
    process: Process,
    _folder: Folder,
}

impl NameServer {
    /// Starts it at an address, for these names.
    pub(super) fn start(address: Ipv4Addr, names: &[(&str, Ipv4Addr)]) -> Result<NameServer, LabError> {
        let package = Cache::open()?.component(Component::Dnsmasq)?;
        let folder = Folder::new()?;
        let mut command = Process::command(loader(&package));
        bare_environment(&mut command);
        command.arg("--library-path").arg(package.join("usr/lib/x86_64-linux-gnu"));
        command.arg(package.join("usr/sbin/dnsmasq")).args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--bind-interfaces",
            "--user=root",
            "--log-facility=-",
        ]);
        command.arg(format!("--pid-file={}", folder.path().join("dnsmasq.pid").display()));
        command.arg(format!("--listen-address={address}")).arg(format!("--local=/{DOMAIN}/"));
        command.current_dir(folder.path());
        command.args(names.iter().map(|(name, address)| format!("--host-record={name},{address}")));
        let process = Process::start("dnsmasq", command, &folder.path().join("dnsmasq.log"))?;
        let at = SocketAddr::from((address, PORT));
        process.wait_until(&format!("listening at {at}"), START_LIMIT, || process.listens_on(PORT))?;
        Ok(NameServer { process, _folder: folder })
    }

    /// Its process.
    pub(super) fn process(&self) -> &Process {
        &self.process
    }
}
