//! Counts the exporter's sessions on its servers while a fault lasts.

use super::stage::Stage;
use crate::{BackendWatch, LabError, PsqlSession};

/// `pg_stat_activity` without the catalogs that it joins, which may be locked: sessions of the role, and those of them that
/// wait for a lock. Printed ten times a second.
const COUNT: &str = "\
select count(*), count(*) filter (where wait_event_type = 'Lock')
  from pg_catalog.pg_stat_get_activity(null) where usesysid = :role
\\watch 0.1
";

/// A watch that has begun.
#[derive(Debug)]
pub struct Watch {
    processes: Vec<BackendWatch>,
    activity: PsqlSession,
}

/// The most at a time.
#[derive(Debug, Default, Clone, Copy)]
pub struct Most {
    /// Sessions on one server: in `pg_stat_activity`, or in the process list, which has hung logins too.
    pub sessions: usize,
    /// Sessions that waited for a lock.
    pub waiting: usize,
}

impl Watch {
    /// Begins it.
    pub fn begin(stage: &Stage) -> Result<Watch, LabError> {
        let mut activity = stage.server.session("postgres")?;
        activity.run("select oid as role from pg_roles where rolname = 'monitor' \\gset")?;
        activity.send(COUNT)?;
        let processes = stage.all_sessions().into_iter().map(|sessions| sessions.watch()).collect();
        Ok(Watch { processes, activity })
    }

    /// Ends it.
    pub fn end(self) -> Most {
        // A server that stops ends the session: what it has counted until then counts.
        let output = self.activity.output();
        let counts: Vec<(usize, usize)> = output.lines().filter_map(counts).collect();
        let processes = self.processes.into_iter().map(|watch| watch.most().len());
        let sessions = processes.chain(counts.iter().map(|(sessions, _)| *sessions)).max();
        let waiting = counts.iter().map(|(_, waiting)| *waiting).max();
        Most { sessions: sessions.unwrap_or_default(), waiting: waiting.unwrap_or_default() }
    }
}

fn counts(line: &str) -> Option<(usize, usize)> {
    let (sessions, waiting) = line.split_once('|')?;
    Some((sessions.parse().ok()?, waiting.parse().ok()?))
}
