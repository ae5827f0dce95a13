//! Hosts on this machine: network namespaces, joined by a bridge in one more, the hub.
//!
//! What is started inside one sees only that network, with every port free. It takes root and the program `ip`.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::error::{LabError, run};

/// Where `ip` keeps the names.
const NAMES: &str = "/run/netns";

/// The network of every hub; no two of them are joined.
pub(crate) const CIDR: &str = "10.99.0.0/24";

/// The hosts' end of the cable.
pub(crate) const INTERFACE: &str = "eth0";

/// The hub, and hosts that reach it and one another. Dropping it removes all of it.
#[derive(Debug)]
pub struct Network {
    hub: Namespace,
    hosts: Vec<Namespace>,
}

/// One namespace, removed on drop.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    address: Ipv4Addr,
}

impl Network {
    /// A network of so many hosts. Those of dead processes are removed first.
    pub fn new(hosts: u8) -> Result<Network, LabError> {
        sweep();
        let hub = Namespace::first()?;
        ip(&format!("-n {} link add bridge type bridge", hub.name))?;
        ip(&format!("-n {} addr add {}/24 dev bridge", hub.name, hub.address))?;
        ip(&format!("-n {} link set bridge up", hub.name))?;
        let mut network = Network { hub, hosts: Vec::new() };
        for number in 1..=hosts {
            network.add(number)?;
        }
        Ok(network)
    }

    fn add(&mut self, number: u8) -> Result<(), LabError> {
        let hub = &self.hub.name;
        let host = Namespace::add(format!("{hub}-{number}"), Ipv4Addr::new(10, 99, 0, 10 + number))?;
        let name = &host.name;
        ip(&format!("-n {hub} link add port{number} type veth peer name {INTERFACE} netns {name}"))?;
        ip(&format!("-n {hub} link set port{number} master bridge up"))?;
        ip(&format!("-n {name} addr add {}/24 dev {INTERFACE}", host.address))?;
        ip(&format!("-n {name} link set {INTERFACE} up"))?;
        self.hosts.push(host);
        Ok(())
    }

    /// The namespace between the hosts.
    pub fn hub(&self) -> &Namespace {
        &self.hub
    }

    /// The hosts' namespaces.
    pub fn hosts(&self) -> &[Namespace] {
        &self.hosts
    }

    /// Pulls a host's cable.
    pub fn cut(&self, host: usize) -> Result<(), LabError> {
        ip(&format!("-n {} link set port{} down", self.hub.name, host + 1)).map(drop)
    }

    /// Loses every packet of a host without a sign of it: its link stays up.
    pub fn silence(&self, host: usize) -> Result<(), LabError> {
        ip(&format!("-n {} link set port{} nomaster", self.hub.name, host + 1)).map(drop)
    }

    /// Ends a cut or a silence.
    pub fn mend(&self, host: usize) -> Result<(), LabError> {
        ip(&format!("-n {} link set port{} master bridge up", self.hub.name, host + 1)).map(drop)
    }

    /// Takes an address from a host that has it beside its own.
    pub(crate) fn take(&self, host: usize, address: Ipv4Addr) -> Result<(), LabError> {
        ip(&format!("-n {} addr del {address}/24 dev {INTERFACE}", self.hosts[host].name)).map(drop)
    }

    /// Lets the hub send to one host what is for an address that several have, as the answer to a question by ARP does.
    pub(crate) fn lead(&self, address: Ipv4Addr, host: usize) -> Result<(), LabError> {
        let link = ip(&format!("-n {} -oneline link show dev {INTERFACE}", self.hosts[host].name))?;
        let physical = link.split_once("link/ether ").and_then(|(_, rest)| rest.split(' ').next());
        let physical = physical.ok_or_else(|| LabError::Unexpected(format!("no address of a link in {link:?}")))?;
        let hub = &self.hub.name;
        ip(&format!("-n {hub} neigh replace {address} lladdr {physical} dev bridge nud reachable")).map(drop)
    }

    /// Gives a host another address, as a NAT that has forgotten its connections does: nothing that is sent over those of
    /// before arrives, and nobody is told.
    pub fn readdress(&mut self, host: usize) -> Result<(), LabError> {
        let host = &mut self.hosts[host];
        let [a, b, c, d] = host.address.octets();
        let (before, now) = (host.address, Ipv4Addr::new(a, b, c, d + 20));
        ip(&format!("-n {} addr add {now}/24 dev {INTERFACE}", host.name))?;
        ip(&format!("-n {} addr del {before}/24 dev {INTERFACE}", host.name))?;
        // Else it would be one of the new address.
        ip(&format!("-n {} addr replace {now}/24 dev {INTERFACE}", host.name))?;
        host.address = now;
        Ok(())
    }
}

impl Namespace {
    /// A hub with a name that no other has.
    fn first() -> Result<Namespace, LabError> {
        let pid = std::process::id();
        let mut number = 0_u32;
        loop {
            let name = format!("lab-{pid}-{number}");
            number += 1;
            if Path::new(NAMES).join(&name).exists() {
                continue;
            }
            match Namespace::add(name, Ipv4Addr::new(10, 99, 0, 1)) {
                // Another thread was faster to take the name.
                Err(error) if error.to_string().contains("File exists") => {}
                made => return made,
            }
        }
    }

    fn add(name: String, address: Ipv4Addr) -> Result<Namespace, LabError> {
        ip(&format!("netns add {name}")).map_err(|error| {
            let needs = "it takes root, a kernel with network namespaces, and ip of the package iproute2";
            LabError::Unexpected(format!("making the network namespace {name}: {error}; {needs}"))
        })?;
        let namespace = Namespace { name, address };
        ip(&format!("-n {} link set lo up", namespace.name))?;
        Ok(namespace)
    }

    /// Its name, for `ip netns exec NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address in the network.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Whether it has an address beside its own.
    pub fn holds(&self, address: Ipv4Addr) -> Result<bool, LabError> {
        let all = ip(&format!("-n {} -4 -oneline addr show dev {INTERFACE}", self.name))?;
        Ok(all.contains(&format!(" {address}/")))
    }

    /// Does something inside: sockets and processes that it makes are of this namespace.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T, LabError> + Send) -> Result<T, LabError> {
        let path = Path::new(NAMES).join(&self.name);
        let entrance = File::open(&path).map_err(LabError::io(format!("opening {}", path.display())))?;
        // A namespace is a thread's; the threads and processes that this one starts have it from the beginning.
        let enter = || {
            enter(&entrance).map_err(LabError::io(format!("entering {}", path.display())))?;
            work()
        };
        thread::scope(|scope| scope.spawn(enter).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&format!("netns del {}", self.name)) {
            eprintln!("lab: {error}");
        }
    }
}

/// Moves this thread into a network namespace.
#[cfg(target_os = "linux")]
fn enter(namespace: &File) -> io::Result<()> {
    use nix::sched::{CloneFlags, setns};
    Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
}

/// Only Linux has them.
#[cfg(not(target_os = "linux"))]
fn enter(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn ip(arguments: &str) -> Result<String, LabError> {
    run(Command::new("ip").args(arguments.split(' ')))
}

/// Removes what processes left that were killed.
fn sweep() {
    for entry in fs::read_dir(NAMES).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let owner = name.strip_prefix("lab-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            // Another process may sweep the same one.
            ip(&format!("netns del {name}")).ok();
        }
    }
}
