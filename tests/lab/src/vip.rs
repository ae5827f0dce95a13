//! vip-manager: an address that goes where the primary is, between two hosts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::architecture::{Component, MAJOR, SCOPE, START_LIMIT, Seat, preparation};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::netns::{CIDR, INTERFACE, Namespace, Network};
use crate::process::Process;
use crate::{Etcd, MONITOR_PASSWORD, Member};

const ETCD_PORT: u16 = 2379;
pub(crate) const PORT: u16 = 5432;
pub(crate) const REST_PORT: u16 = 8008;

/// Two hosts with Patroni, PostgreSQL and vip-manager, and etcd on the hub between them. Dropping it ends everything.
#[derive(Debug)]
pub struct VipPair {
    /// Which of them is the primary, Patroni decides.
    pub members: Vec<Member>,
    managers: Vec<Process>,
    _etcd: Etcd,
    // After what runs in it.
    network: Network,
    _logs: Folder,
}

impl VipPair {
    /// The address that moves.
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 100);

    /// Starts it and waits until the address leads to a primary that has a replica.
    pub fn start() -> Result<VipPair, LabError> {
        let program = programs()?;
        let (network, logs) = (Network::new(2)?, Folder::new()?);
        let hub = network.hub();
        let store = SocketAddr::from((hub.address(), ETCD_PORT));
        // vip-manager 1 asks by the old version of etcd's interface, whose keys are others.
        let etcd = hub.inside(|| Etcd::start_at(store, &["--enable-v2=true"]))?;
        let mut members = Vec::new();
        for (number, host) in network.hosts().iter().enumerate() {
            let member = host.inside(|| {
                let member = member(number, host, store)?;
                // The other one copies its server.
                member.wait_for(if number == 0 { "/primary" } else { "/replica" }, START_LIMIT)?;
                Ok(member)
            })?;
            members.push(member);
        }
        members[0].psql("postgres", &preparation())?;
        // Or a switchover would lose what the other one has not got.
        let streams = "select count(*) = 1 from pg_stat_replication where state = 'streaming'";
        members[0].wait_for_query(streams, START_LIMIT)?;
        let managers = network.hosts().iter().zip(&members);
        let managers = managers.map(|(host, member)| host.inside(|| manager(&program, member, store, &logs)));
        let managers = managers.collect::<Result<Vec<_>, _>>()?;
        let pair = VipPair { members, managers, _etcd: etcd, network, _logs: logs };
        pair.wait_for(0, START_LIMIT)?;
        Ok(pair)
    }

    /// The hub, from which the address is asked, and the hosts.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A connection URL to whoever has the address, for the role `monitor` with its password.
    pub fn monitor_url(&self) -> String {
        format!("postgres://monitor:{MONITOR_PASSWORD}@{}:{PORT}/postgres?sslmode=disable", Self::ADDRESS)
    }

    /// The hosts that have the address.
    pub fn holders(&self) -> Result<Vec<usize>, LabError> {
        let holds = |at: usize| self.network.hosts()[at].holds(Self::ADDRESS).map(|holds| holds.then_some(at));
        Ok((0..self.members.len()).map(holds).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Waits until the address is with a host, and leads to a primary there.
    pub fn wait_for(&self, host: usize, limit: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        while !(self.network.hosts()[host].holds(Self::ADDRESS)? && self.answers_as_primary()) {
            if Instant::now() > deadline {
                let (name, awaited) =
                    (self.managers[host].name().to_owned(), format!("the holder of {}", Self::ADDRESS));
                return Err(LabError::Late { name, awaited, limit, log: self.managers[host].log_tail() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The process that gives a host the address, and takes it away.
    pub(crate) fn manager(&self, host: usize) -> &Process {
        &self.managers[host]
    }

    /// Hands the primary's role over to the other host.
    pub fn switch_over(&self, from: usize, to: usize) -> Result<(), LabError> {
        let [from_member, to_member] = [&self.members[from], &self.members[to]];
        self.network.hosts()[to].inside(|| to_member.take_over_from(from_member))
    }

    fn answers_as_primary(&self) -> bool {
        let ask =
            || self.members[0].psql_at(&Self::ADDRESS.to_string(), PORT, "postgres", "select pg_is_in_recovery()");
        self.network.hub().inside(ask).is_ok_and(|answer| answer == "f")
    }
}

/// Everything that the hosts run, since from inside a namespace nothing can be downloaded; vip-manager's program.
fn programs() -> Result<PathBuf, LabError> {
    let cache = Cache::open()?;
    cache.installation(MAJOR)?;
    cache.patroni()?;
    cache.component(Component::Etcd)?;
    Ok(cache.component(Component::VipManager)?.join("usr/bin/vip-manager"))
}

fn name(number: usize) -> String {
    format!("{SCOPE}-{}", number + 1)
}

fn member(number: usize, host: &Namespace, store: SocketAddr) -> Result<Member, LabError> {
    Member::start_at(&Seat {
        name: &name(number),
        host: host.address(),
        network: CIDR,
        // Of an address that comes later it would not hear.
        listen: Ipv4Addr::UNSPECIFIED,
        port: PORT,
        rest_port: REST_PORT,
        dcs: ("etcd", vec![store]),
        archive: None,
    })
}

/// It gives its host the address while the leader's key has its member's name, and takes it away when it ends.
fn manager(program: &Path, member: &Member, store: SocketAddr, logs: &Folder) -> Result<Process, LabError> {
    let mut command = Process::command(program);
    command.args([
        "--ip",
        &VipPair::ADDRESS.to_string(),
        "--netmask",
        "24",
        "--interface",
        INTERFACE,
        "--interval",
        "500",
    ]);
    command.args(["--trigger-key", &format!("/pg/{SCOPE}/leader"), "--trigger-value", member.name()]);
    command.args(["--dcs-type", "etcd", "--dcs-endpoints", &format!("http://{store}")]);
    command.current_dir(logs.path());
    let log = logs.path().join(format!("{}.log", member.name()));
    Process::start(&format!("vip-manager of {}", member.name()), command, &log)
}
