//! The hops on the way from a client to what a service promises.

/// A hop, in the order in which a connection meets them. The word is the value of the label `hop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hop {
    /// The name of the host.
    Dns,
    /// The address: no host has it, or packets do not arrive.
    Address,
    /// The port: nothing listens.
    Listener,
    /// The load balancer: it accepts and closes without an answer.
    Balancer,
    /// The TLS handshake and the certificate.
    Tls,
    /// PgBouncer.
    Pooler,
    /// User, password, database and rules of `pg_hba.conf`.
    Login,
    /// The server: starting, stopping or full.
    Server,
    /// The query.
    Query,
    /// A server of another cluster answers.
    Cluster,
    /// A server in another role answers.
    Role,
    /// Two primaries answer in turn.
    Split,
    /// The standby is behind the primary.
    Lag,
    /// A row that is written through the service, or through another one, to see that it arrives.
    Canary,
}

impl Hop {
    pub(crate) const ALL: [Self; 14] = [
        Self::Dns,
        Self::Address,
        Self::Listener,
        Self::Balancer,
        Self::Tls,
        Self::Pooler,
        Self::Login,
        Self::Server,
        Self::Query,
        Self::Cluster,
        Self::Role,
        Self::Split,
        Self::Lag,
        Self::Canary,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Address => "address",
            Self::Listener => "listener",
            Self::Balancer => "balancer",
            Self::Tls => "tls",
            Self::Pooler => "pooler",
            Self::Login => "login",
            Self::Server => "server",
            Self::Query => "query",
            Self::Cluster => "cluster",
            Self::Role => "role",
            Self::Split => "split",
            Self::Lag => "lag",
            Self::Canary => "canary",
        }
    }

    /// Whether a probe that failed there may have left a session that the server has not ended.
    pub(crate) fn may_keep_session(self) -> bool {
        self < Self::Cluster || self == Self::Canary
    }
}
