//! What can break on the way in, and the hop that has to be named.

use std::time::Duration;

use super::watch::WatchPage;
use super::way::{EXPIRED, Entrance, VALID};
use crate::{LEADER_TTL, LabError, PgBouncer, VipPair};

/// Beside what Patroni's own time to live takes.
const LIMIT: Duration = Duration::from_secs(40);

/// A hop that is broken on the host that has the address, and fixed again.
pub struct Broken {
    /// What is done.
    pub what: &'static str,
    /// The service that it is seen on.
    pub service: &'static str,
    /// The hop that has to be named.
    pub hop: &'static str,
    /// Whether nothing fails over, so that it takes seconds.
    pub is_quick: bool,
    pub(super) cause: fn(&mut Entrance, usize) -> Result<(), LabError>,
    /// At each look at a page until the hop is named.
    pub(super) meanwhile: fn(&Entrance, &WatchPage) -> Result<(), LabError>,
    pub(super) mend: fn(&mut Entrance, usize) -> Result<(), LabError>,
}

/// One that takes seconds and is seen all the way.
const QUICK: Broken = Broken {
    what: "",
    service: Entrance::ORDERS,
    hop: "",
    is_quick: true,
    cause: |_, _| Ok(()),
    meanwhile: |_, _| Ok(()),
    mend: |_, _| Ok(()),
};

/// All of them. The last one leaves a member behind that has to be rewound.
pub const BROKEN: &[Broken] = &[
    Broken {
        what: "stop the name server (dnsmasq)",
        hop: "dns",
        cause: |it, _| {
            it.name_server = None;
            Ok(())
        },
        mend: |it, _| it.start_name_server(true),
        ..QUICK
    },
    Broken {
        what: "freeze the name server (SIGSTOP)",
        hop: "dns",
        cause: |it, _| it.signal_name_server("STOP"),
        mend: |it, _| it.signal_name_server("CONT"),
        ..QUICK
    },
    Broken {
        what: "remove the name from the name server",
        hop: "dns",
        cause: |it, _| it.start_name_server(false),
        mend: |it, _| it.start_name_server(true),
        ..QUICK
    },
    Broken {
        what: "freeze vip-manager and remove the address from its host: no host has it",
        hop: "address",
        cause: |it, at| {
            it.pair.manager(at).signal("STOP")?;
            it.pair.network().take(at, VipPair::ADDRESS)
        },
        mend: |it, at| it.pair.manager(at).signal("CONT"),
        ..QUICK
    },
    Broken {
        what: "stop HAProxy",
        hop: "listener",
        cause: |it, at| {
            it.balancers[at] = None;
            Ok(())
        },
        mend: |it, at| it.start_balancer(at, &it.checked()),
        ..QUICK
    },
    Broken {
        what: "disable all servers of HAProxy",
        hop: "balancer",
        cause: |it, at| it.start_balancer(at, &it.servers("disabled")),
        mend: |it, at| it.start_balancer(at, &it.checked()),
        ..QUICK
    },
    Broken {
        what: "let HAProxy lead to the standby, without a health check",
        hop: "role",
        cause: |it, at| it.start_balancer(at, &it.server(1 - at, "")),
        mend: |it, at| it.start_balancer(at, &it.checked()),
        ..QUICK
    },
    Broken {
        what: "let the certificate of PgBouncer expire",
        hop: "tls",
        cause: |it, at| it.start_pooler(at, EXPIRED),
        mend: |it, at| it.start_pooler(at, VALID),
        ..QUICK
    },
    Broken {
        what: "freeze PgBouncer (SIGSTOP)",
        hop: "pooler",
        cause: |it, at| it.pooler(at)?.process().signal("STOP"),
        mend: |it, at| it.pooler(at)?.process().signal("CONT"),
        ..QUICK
    },
    Broken {
        what: "pause PgBouncer (PAUSE)",
        hop: "pooler",
        // The console would have to be asked with TLS.
        cause: |it, at| it.pooler(at)?.process().signal("USR1"),
        mend: |it, at| it.pooler(at)?.process().signal("USR2"),
        ..QUICK
    },
    Broken {
        what: "cut the network of the primary's host, until the other one has the address",
        hop: "address",
        is_quick: false,
        cause: |it, at| it.pair.network().cut(at),
        mend: |it, at| {
            it.pair.wait_for(1 - at, LEADER_TTL + LIMIT)?;
            it.wait_until_well()?;
            it.pair.network().mend(at)?;
            let streams = "select count(*) = 1 from pg_stat_replication where state = 'streaming'";
            it.pair.members[1 - at].wait_for_query(streams, LIMIT)
        },
        ..QUICK
    },
    Broken {
        what: "freeze Patroni and vip-manager of the primary: a second primary, the address on two hosts",
        service: Entrance::DIRECT,
        hop: "split",
        is_quick: false,
        cause: |it, at| {
            it.pair.members[at].process().signal("STOP")?;
            it.pair.manager(at).signal("STOP")?;
            it.pair.wait_for(1 - at, LEADER_TTL + LIMIT)
        },
        // Which host is asked is for ARP to decide: now one, now the other.
        meanwhile: |it, page| {
            let is_odd = page.probes(Entrance::DIRECT) % 2.0 > 0.5;
            it.pair.network().lead(VipPair::ADDRESS, usize::from(is_odd))
        },
        mend: |it, at| {
            it.pair.network().lead(VipPair::ADDRESS, 1 - at)?;
            it.pair.members[at].process().signal("CONT")?;
            it.pair.manager(at).signal("CONT")
        },
    },
];

impl Entrance {
    fn signal_name_server(&self, signal: &str) -> Result<(), LabError> {
        let server = self.name_server.as_ref().ok_or_else(|| missing("name server"))?;
        server.process().signal(signal)
    }

    fn pooler(&self, at: usize) -> Result<&PgBouncer, LabError> {
        self.poolers[at].as_ref().ok_or_else(|| missing("pooler"))
    }
}

fn missing(what: &str) -> LabError {
    LabError::Unexpected(format!("the {what} is not running"))
}
