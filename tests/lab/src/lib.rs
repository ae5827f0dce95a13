//! Real servers for tests, the demo and the benchmark.
//!
//! Every server runs in its own folder `lab-PID-N` in `/dev/shm` or `/tmp`, listens on 127.0.0.1 on a free port, and
//! ends with the value that stands for it, by process id:
//!
//! | how the owner goes | what ends the server | what removes its folder |
//! |---|---|---|
//! | drop, panic | `Drop` | `Drop` |
//! | Ctrl-C, SIGKILL, exit | the kernel (parent-death signal) | the next start of any server |
//!
//! A server that was frozen when its owner was killed ends with that next start, too.
//!
//! As root, PostgreSQL runs as the user `postgres`, who is created if need be. What is missing is
//! downloaded into a [`Cache`].
//!
//! ```no_run
//! use lab::{Major, Postgres};
//! let primary = Postgres::start(Major::V18)?;
//! let standby = primary.standby("standby1")?;
//! assert_eq!(standby.psql("postgres", "select pg_is_in_recovery()")?, "t");
//! # Ok::<(), lab::LabError>(())
//! ```

mod account;
mod architecture;
mod backends;
mod balancer;
mod browser;
mod cache;
mod candidate;
pub mod chaos;
mod copy;
mod dashboards;
pub mod entrance;
mod error;
mod exporter;
mod fetch;
mod folder;
mod http;
mod installation;
mod inventory;
mod load;
mod major;
mod marked;
mod netns;
mod percent;
mod pgbackrest;
mod pgbouncer;
mod port;
mod postgres;
mod proc;
mod process;
mod prometheus;
pub mod prove;
mod proxy;
mod psql_session;
mod releases;
mod replication;
mod s3;
mod shared_files;
mod vip;

pub use architecture::{
    Alert, Alertmanager, Architecture, Condition, ETCD_MEMBERS, Etcd, EtcdCluster, HaProxy, LEADER_TTL, Member, Node,
    NodeExporter, Plan, Ports, SITE_TAG, Scale, Service, Shipper, Victoria, VictoriaLogs, Webhook, rule_files,
};
pub use backends::{BackendWatch, Backends};
pub use balancer::Balancer;
pub use browser::{Browser, Tab};
pub use cache::Cache;
pub use dashboards::Dashboards;
pub use error::LabError;
pub use exporter::Exporter;
pub use http::{Response, request};
pub use installation::MONITOR_PASSWORD;
pub use major::Major;
pub use marked::Marked;
pub use netns::{Namespace, Network};
pub use pgbackrest::Backrest;
pub use pgbouncer::{PgBouncer, PgBouncerBuilder};
pub use postgres::{Postgres, PostgresBuilder};
pub use proc::wait_until_gone;
pub use process::Process;
pub use prometheus::{Prometheus, Sample, Target};
pub use proxy::{Executed, Proxy};
pub use psql_session::PsqlSession;
pub use releases::{BackrestRelease, BouncerRelease};
pub use s3::S3;
pub use vip::VipPair;
