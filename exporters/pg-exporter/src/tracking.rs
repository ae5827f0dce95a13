//! Keeps the exporter's own statements out of pg_stat_statements.
//!
//! The library has an entry for each statement in each database and evicts the least executed ones: an exporter that reads
//! hundreds of databases would displace users' statements. `grants.sql` disables tracking for the role. Otherwise each
//! session disables it for itself, if the role may set `pg_stat_statements.track`.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio_postgres::{Client, Error};

/// The setting that selects which statements pg_stat_statements counts.
pub(crate) const TRACK: &str = "pg_stat_statements.track";
/// Whether the role may disable tracking: a superuser may, and from 15 on a role with the privilege.
const MAY_SET: &str = "SELECT pg_catalog.has_parameter_privilege('pg_stat_statements.track', 'SET')";
/// The first version with privileges on parameters.
const GRANTS_ON_PARAMETERS: u32 = 150_000;

const UNKNOWN: u8 = 0;
const MAY: u8 = 1;
const MAY_NOT: u8 = 2;

/// Whether the role may disable tracking, as far as known.
#[derive(Debug, Default)]
pub(crate) struct Tracking(AtomicU8);

impl Tracking {
    /// Whether new connections can be opened with tracking disabled.
    pub(crate) fn may_switch_off(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MAY
    }

    /// Records that the server refused it: the role has lost the privilege.
    fn refused(&self) {
        self.0.store(MAY_NOT, Ordering::Relaxed);
    }

    /// Disables tracking in a tracked session if the role may do so. Returns whether it did.
    ///
    /// The privilege is checked once.
    pub(crate) async fn switch_off(&self, client: &Client, version: u32, superuser: bool) -> Result<bool, Error> {
        if self.0.load(Ordering::Relaxed) == UNKNOWN {
            let may = superuser
                || version >= GRANTS_ON_PARAMETERS && client.query_one(MAY_SET, &[]).await?.try_get::<_, bool>(0)?;
            self.0.store(if may { MAY } else { MAY_NOT }, Ordering::Relaxed);
        }
        if !self.may_switch_off() {
            return Ok(false);
        }
        let set = client.batch_execute("SET pg_stat_statements.track = 'none'").await;
        match set {
            Ok(()) => Ok(true),
            Err(error) if error.as_db_error().is_some() => {
                self.refused();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// How to disable tracking for the role.
pub(crate) fn advice(user: &str) -> String {
    let user = user.replace('"', "\"\"");
    format!(
        "pg_stat_statements tracks the exporter's own statements in every database, which evicts users' statements: \
         ALTER ROLE \"{user}\" SET pg_stat_statements.track = 'none'; as a superuser, and restart the \
         exporter"
    )
}
