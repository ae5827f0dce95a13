//! One of the servers with its pooler and exporters.

use std::path::PathBuf;

use crate::architecture::Member;
use crate::{Exporter, PgBouncer};

/// A member with what stands beside it.
#[derive(Debug)]
pub struct Node {
    /// Its exporters: the server's and the pooler's.
    pub exporters: [Exporter; 2],
    /// The web configuration file of both, which is empty.
    pub web_config: PathBuf,
    /// The PgBouncer before its server; its database `postgres` takes 10 connections.
    pub pooler: PgBouncer,
    /// Patroni and PostgreSQL.
    pub member: Member,
}
