//! Keeps the exporter's own statements out of pg_stat_statements.
//!
//! The library keeps an entry for each statement in each database and throws out the least executed ones: an exporter that
//! reads hundreds of databases would take the place of users' statements. `grants.sql` switches tracking off for the role.
//! Where that was not done, and the role may change `pg_stat_statements.track`, each session does it for itself.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio_postgres::{Client, Error};

/// The setting by which pg_stat_statements is told what to count.
pub(crate) const TRACK: &str = "pg_stat_statements.track";
/// Whether a role may switch tracking off; a superuser may, and from 15 on who was granted it.
const MAY_SET: &str = "SELECT pg_catalog.has_parameter_privilege('pg_stat_statements.track', 'SET')";
/// The first version with grants on parameters.
const GRANTS_ON_PARAMETERS: u32 = 150_000;

const UNKNOWN: u8 = 0;
const MAY: u8 = 1;
const MAY_NOT: u8 = 2;

/// What is known about the right of the role to switch tracking off.
#[derive(Debug, Default)]
pub(crate) struct Tracking(AtomicU8);

impl Tracking {
    /// Whether new connections can be opened with tracking switched off.
    pub(crate) fn may_switch_off(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MAY
    }

    /// The server has refused it: the role has lost the right.
    pub(crate) fn refused(&self) {
        self.0.store(MAY_NOT, Ordering::Relaxed);
    }

    /// Switches tracking off in a session that is tracked, if the role may do that. Returns whether it was done.
    ///
    /// The right is asked for once; without it this costs nothing.
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

/// What to do about a role whose statements are tracked.
pub(crate) fn advice(user: &str) -> String {
    let user = user.replace('"', "\"\"");
    format!(
        "pg_stat_statements counts the exporter's own statements in every database, and users' statements are thrown out to \
         make room for them: ALTER ROLE \"{user}\" SET pg_stat_statements.track = 'none'; as a superuser, and restart the \
         exporter"
    )
}
