//! Where a member of Patroni is, and its configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Backrest;
use crate::architecture::SCOPE;

/// A slot that Patroni leaves alone, for whoever makes it.
pub(crate) const SPARE_SLOT: &str = "spare";

/// A tag that Patroni does not read; its value is the member's name.
pub const SITE_TAG: &str = "rack";

/// A member that is killed is missed after this time: Patroni's minimum.
pub const LEADER_TTL: Duration = Duration::from_secs(20);

/// The server of this machine's account needs no password, the role `monitor` does over TCP.
fn hba(network: &str) -> [String; 6] {
    [
        "local all all trust".into(),
        "local replication all trust".into(),
        // Of its own server Patroni asks the timeline so, and without the answer rewinds nothing.
        "host replication replicator 127.0.0.1/32 trust".into(),
        format!("host all postgres,replicator {network} trust"),
        format!("host replication replicator {network} trust"),
        format!("host all all {network} scram-sha-256"),
    ]
}

/// Where a member is, and whom it needs.
pub(crate) struct Seat<'a> {
    pub name: &'a str,
    /// Where the other members reach it.
    pub host: Ipv4Addr,
    /// From where it may be connected to.
    pub network: &'a str,
    /// What PostgreSQL listens on.
    pub listen: Ipv4Addr,
    pub port: u16,
    pub rest_port: u16,
    /// Patroni's name for the kind of store, and its members.
    pub dcs: (&'a str, Vec<SocketAddr>),
    /// The repository and the stanza that it archives to.
    pub archive: Option<(&'a Backrest, &'a str)>,
}

impl Seat<'_> {
    pub(super) fn rest(&self) -> SocketAddr {
        SocketAddr::from((self.host, self.rest_port))
    }

    /// The configuration file; JSON is YAML.
    pub(super) fn configuration(&self, folder: &Path, bin: &Path) -> Value {
        let (rest, server) = (self.rest().to_string(), format!("{}:{}", self.host, self.port));
        let data = folder.join("data");
        let mut parameters = json!({
            "unix_socket_directories": folder,
            "shared_buffers": "16MB",
            "dynamic_shared_memory_type": "mmap",
            "track_io_timing": "on",
            "track_functions": "all",
            "shared_preload_libraries": "pg_stat_statements",
            "logging_collector": "on",
            "log_destination": "jsonlog",
            "log_directory": folder,
            "log_filename": "postgresql.log",
            "log_timezone": "UTC",
            "log_lock_waits": "on",
        });
        if let Some((backrest, stanza)) = self.archive {
            parameters["archive_command"] = backrest.archive_command_of(stanza, &data).into();
            parameters["restore_command"] = backrest.restore_command_of(stanza, &data).into();
        }
        let (store, addresses) = &self.dcs;
        let hosts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
        json!({
            "scope": SCOPE,
            "namespace": "/pg/",
            "name": self.name,
            "tags": { "clonefrom": true, SITE_TAG: self.name },
            "restapi": { "listen": rest, "connect_address": rest },
            *store: { "hosts": hosts },
            "bootstrap": {
                "dcs": {
                    "ttl": LEADER_TTL.as_secs(),
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "maximum_lag_on_failover": 1 << 20,
                    // It drops every other slot that it has not made.
                    "ignore_slots": [{ "name": SPARE_SLOT }],
                    "postgresql": {
                        "use_pg_rewind": true,
                        "use_slots": true,
                        "parameters": {
                            "max_connections": 100,
                            "max_prepared_transactions": 10,
                            "max_wal_senders": 10,
                            "max_replication_slots": 10,
                            "wal_level": "logical",
                            "wal_log_hints": "on",
                            "archive_mode": if self.archive.is_some() { "on" } else { "off" },
                            "archive_timeout": "60s",
                        },
                    },
                },
                "initdb": [{ "encoding": "UTF8" }, { "locale": "C" }, { "auth": "trust" }, "data-checksums"],
            },
            "postgresql": {
                "listen": format!("{}:{}", self.listen, self.port),
                "connect_address": server,
                "use_unix_socket": true,
                "data_dir": data,
                "bin_dir": bin,
                "pgpass": folder.join("pgpass"),
                "authentication": {
                    "superuser": { "username": "postgres" },
                    "replication": { "username": "replicator" },
                },
                "pg_hba": hba(self.network),
                "basebackup": [{ "checkpoint": "fast" }],
                "parameters": parameters,
            },
        })
    }
}
