//! Three members of etcd, which reach one another through proxies: their network can be cut.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::architecture::Etcd;
use crate::error::LabError;
use crate::port::free_port;
use crate::proxy::Proxy;

/// How many members it has.
pub const ETCD_MEMBERS: usize = 3;

/// A running etcd of three members. Dropping it ends all.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<Etcd>,
    // What comes to each member from the others.
    proxies: Vec<Proxy>,
}

impl EtcdCluster {
    /// How large its database may be, in bytes.
    pub(crate) const QUOTA: u32 = 32 << 20;

    /// Starts it on free ports and waits until every member is healthy.
    pub(crate) fn start() -> Result<EtcdCluster, LabError> {
        // As an installation has it, with a quota that can be filled.
        let quota = format!("--quota-backend-bytes={}", EtcdCluster::QUOTA);
        let arguments = ["--auto-compaction-retention=1h", quota.as_str()];
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ports = (0..ETCD_MEMBERS).map(|_| free_port()).collect::<Result<Vec<u16>, _>>()?;
        let proxies = ports.iter().map(|port| Proxy::start(*port)).collect::<Result<Vec<Proxy>, _>>()?;
        let name = |at: usize| format!("etcd-{}", at + 1);
        let peers: Vec<_> = proxies.iter().enumerate().map(|(at, proxy)| (name(at), local(proxy.port()))).collect();
        let launch =
            |(at, port): (usize, &u16)| Etcd::launch(&name(at), local(free_port()?), local(*port), &peers, &arguments);
        let members = ports.iter().enumerate().map(launch).collect::<Result<Vec<Etcd>, _>>()?;
        members.iter().try_for_each(Etcd::wait_until_healthy)?;
        Ok(EtcdCluster { members, proxies })
    }

    /// The members.
    pub fn members(&self) -> &[Etcd] {
        &self.members
    }

    /// Where clients ask: the addresses of all members.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(Etcd::address).collect()
    }

    /// Calls the first member, as [`Etcd::call`] does.
    pub fn call(&self, path: &str, request: &Value) -> Result<Value, LabError> {
        self.members[0].call(path, request)
    }

    /// Makes another member the leader.
    pub fn transfer_leadership(&self) -> Result<(), LabError> {
        let status = |member: &Etcd| member.call("/v3/maintenance/status", &json!({}));
        let all = self.members.iter().map(status).collect::<Result<Vec<Value>, LabError>>()?;
        let leads = |status: &&Value| status["header"]["member_id"] == status["leader"];
        let (Some(leader), Some(next)) = (all.iter().position(|one| leads(&one)), all.iter().find(|one| !leads(one)))
        else {
            return Err(LabError::Unexpected("etcd has no leader".to_owned()));
        };
        let request = json!({ "targetID": next["header"]["member_id"] });
        self.members[leader].call("/v3/maintenance/transfer-leadership", &request).map(drop)
    }

    /// Cuts the network between the members; clients reach each of them.
    pub fn part(&self) {
        self.proxies.iter().for_each(Proxy::freeze);
    }

    /// Mends the network.
    pub fn join(&self) {
        self.proxies.iter().for_each(Proxy::thaw);
    }
}
