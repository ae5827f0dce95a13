//! Which databases beside the main one a collection visits, and in which order.

use tokio::time::Instant;

use crate::facts::{OtherDatabase, ServerProbe};
use crate::scrape::schedule::{DatabaseSchedule, Due, Schedules};
use crate::scrape::shared::Shared;

/// The databases to visit: those in which something is due, the longest not visited first, so that what one deadline cuts
/// off is first in the next collection.
///
/// Where nothing has happened since the last visit, the results of then are served, and the schedules say so. A few of
/// those databases are visited all the same, before their results reach the age limit.
pub(super) fn visits<'a>(shared: &Shared, schedules: &Schedules, main: &'a ServerProbe) -> Vec<&'a OtherDatabase> {
    let mut visits = Vec::new();
    let mut unchanged = Vec::new();
    for other in main.databases.iter().filter(|other| other.name != main.facts.database) {
        let Some(schedule) = schedules.get(&other.name) else {
            visits.push(other);
            continue;
        };
        if !schedule.is_due() {
            continue;
        }
        let may_serve = !schedule.probe.facts.reads_other_servers();
        let served = schedule.serving_unchanged(|due| may_serve && is_unchanged(shared, other, due));
        if served.is_due() {
            schedules.set(served);
            visits.push(other);
        } else {
            unchanged.push((schedule.oldest_due(), other, served));
        }
    }
    visits.extend(serve_unchanged(shared, schedules, unchanged));
    visits.sort_by_key(|other| shared.store.database(&other.name).at);
    visits
}

fn is_unchanged(shared: &Shared, other: &OtherDatabase, due: &Due) -> bool {
    let settings = &shared.settings;
    let may_serve = !settings.disable_cache && !settings.unchanged_limit.is_zero();
    let depends = shared.catalog.collectors[due.planned.collector].of_database_only;
    may_serve && depends && due.changes.is_some() && due.changes == other.changes
}

/// Serves the results of these databases, except of some with the oldest ones; gives those.
fn serve_unchanged<'a>(
    shared: &Shared,
    schedules: &Schedules,
    mut unchanged: Vec<(Option<Instant>, &'a OtherDatabase, DatabaseSchedule)>,
) -> Vec<&'a OtherDatabase> {
    // Early enough that a few dozen databases with results of the same age are visited one after another.
    let old = Instant::now().checked_sub(shared.settings.unchanged_limit.mul_f64(0.75));
    let mut allowed = shared.server.take_unchanged_visits();
    unchanged.sort_by_key(|(oldest, ..)| *oldest);
    let mut visits = Vec::new();
    for (oldest, other, served) in unchanged {
        if allowed > 0 && oldest < old {
            allowed -= 1;
            visits.push(other);
        } else {
            schedules.set(served);
        }
    }
    visits
}
