//! Which plan each query had last.

use std::collections::HashMap;

use plan_shape::PlanId;
use serde::{Deserialize, Serialize};

/// The most queries that are remembered.
const MAX_QUERIES: usize = 5000;

/// The last plan of each query of each database. It can be saved, so that a change is noticed over a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Saved>", into = "Vec<Saved>")]
pub struct PlanHistory {
    /// By database and query.
    last: HashMap<(String, String), Seen>,
    /// Plans seen so far: tells which query was seen longest ago.
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    plan: PlanId,
    at: u64,
}

/// Database, query and its last plan; those seen last are at the end.
type Saved = (String, String, u64);

impl PlanHistory {
    /// Notes the plan of a query. Returns whether the last one was another.
    pub fn note(&mut self, datname: &str, query: &str, plan: PlanId) -> bool {
        if self.last.len() >= MAX_QUERIES {
            self.forget();
        }
        self.count += 1;
        let seen = Seen { plan, at: self.count };
        let before = self.last.insert((datname.to_owned(), query.to_owned()), seen);
        before.is_some_and(|before| before.plan != plan)
    }

    /// Forgets the half that was not seen for longest.
    fn forget(&mut self) {
        let mut times: Vec<u64> = self.last.values().map(|seen| seen.at).collect();
        let (_, middle, _) = times.select_nth_unstable(MAX_QUERIES / 2);
        let middle = *middle;
        self.last.retain(|_, seen| seen.at > middle);
    }
}

impl From<Vec<Saved>> for PlanHistory {
    fn from(saved: Vec<Saved>) -> Self {
        let mut history = Self::default();
        for (datname, query, plan) in saved {
            history.note(&datname, &query, PlanId(plan));
        }
        history
    }
}

impl From<PlanHistory> for Vec<Saved> {
    fn from(history: PlanHistory) -> Self {
        let mut queries: Vec<_> = history.last.into_iter().collect();
        queries.sort_unstable_by_key(|(_, seen)| seen.at);
        queries.into_iter().map(|((datname, query), seen)| (datname, query, seen.plan.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_another_plan_and_the_way_back() {
        let mut history = PlanHistory::default();
        let mut note = |datname: &str, plan| history.note(datname, "7", PlanId(plan));
        assert_eq!([1, 1, 2, 2, 1].map(|plan| note("a", plan)), [false, false, true, false, true]);
        assert!(!note("b", 3));
    }

    #[test]
    fn survives_a_restart() {
        let mut history = PlanHistory::default();
        history.note("a", "7", PlanId(1));
        history.note("a", "8", PlanId(u64::MAX));
        let saved = serde_json::to_string(&history).unwrap();
        let mut history: PlanHistory = serde_json::from_str(&saved).unwrap();
        assert!(history.note("a", "7", PlanId(2)));
        assert!(!history.note("a", "8", PlanId(u64::MAX)));
    }

    #[test]
    fn forgets_what_was_not_seen_for_longest() {
        let mut history = PlanHistory::default();
        for query in 0..2 * MAX_QUERIES {
            history.note("a", &query.to_string(), PlanId(1));
            history.note("a", "0", PlanId(1));
            assert!(history.last.len() <= MAX_QUERIES);
        }
        assert!(history.note("a", "0", PlanId(2)));
        assert!(!history.note("a", "1", PlanId(2)));
    }
}
