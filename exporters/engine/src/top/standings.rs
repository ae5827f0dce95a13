//! How each label set of a result stands: what its counters were, and whether it is shown.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

use hashbrown::HashMap;

/// Results for which a label set may be out of the busiest before it gives its place to a busier one.
const RESULTS_OUT: u32 = 3;

/// The standings of all label sets of the last result. Each keeps its place for as long as it is there.
#[derive(Debug, Default)]
pub(super) struct Standings {
    places: HashMap<Arc<str>, usize>,
    all: Vec<Standing>,
    /// Places in `all` that are free.
    free: Vec<usize>,
}

/// The standing of one label set.
#[derive(Debug, Default)]
pub(super) struct Standing {
    key: Arc<str>,
    /// The last result that it was in.
    pub result: u64,
    /// Its counters then; NaN is none.
    pub before: Vec<f64>,
    /// If it is shown: for how many results it has been out of the busiest.
    out: Option<u32>,
}

impl Standing {
    pub fn is_shown(&self) -> bool {
        self.out.is_some()
    }
}

/// How busy a label set is.
pub(super) struct Rank {
    pub growth: f64,
    pub total: f64,
    /// The place of its standing.
    pub at: usize,
}

impl Standings {
    /// The place of a label set, a new one if it was not there.
    pub fn place(&mut self, key: &str) -> usize {
        if let Some(at) = self.places.get(key) {
            return *at;
        }
        let standing = Standing { key: key.into(), ..Standing::default() };
        let shared = standing.key.clone();
        let at = match self.free.pop() {
            Some(at) => {
                self.all[at] = standing;
                at
            }
            None => {
                self.all.push(standing);
                self.all.len() - 1
            }
        };
        self.places.insert(shared, at);
        at
    }

    /// Forgets the label sets that are not in this result.
    pub fn retain(&mut self, result: u64) {
        let (all, free) = (&mut self.all, &mut self.free);
        self.places.retain(|_, at| {
            let is_there = all[*at].result == result;
            if !is_there {
                all[*at] = Standing::default();
                free.push(*at);
            }
            is_there
        });
    }

    /// The labels of those that are shown.
    pub fn shown(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter(|standing| standing.is_shown()).map(|standing| &*standing.key)
    }

    /// Chooses what is exposed individually: what was before, and the busiest as far as there is room.
    pub fn choose(&mut self, mut ranking: Vec<Rank>, limit: usize) {
        if ranking.len() <= limit {
            ranking.iter().for_each(|rank| self.all[rank.at].out = Some(0));
            return;
        }
        let key = |rank: &Rank| &self.all[rank.at].key;
        ranking.sort_by(|a, b| {
            b.growth.total_cmp(&a.growth).then(b.total.total_cmp(&a.total)).then_with(|| key(a).cmp(key(b)))
        });
        let mut shown = 0;
        let mut overdue = Vec::new();
        for (rank, Rank { at, .. }) in ranking.iter().enumerate() {
            let Some(out) = &mut self.all[*at].out else { continue };
            *out = if rank < limit { 0 } else { *out + 1 };
            shown += 1;
            if *out >= RESULTS_OUT {
                overdue.push(*at);
            }
        }
        for Rank { at, .. } in &ranking[..limit] {
            if self.all[*at].is_shown() {
                continue;
            }
            if shown < limit {
                shown += 1;
            } else if let Some(least) = overdue.pop() {
                self.all[least].out = None;
            } else {
                return;
            }
            self.all[*at].out = Some(0);
        }
    }
}

impl Index<usize> for Standings {
    type Output = Standing;

    fn index(&self, at: usize) -> &Standing {
        &self.all[at]
    }
}

impl IndexMut<usize> for Standings {
    fn index_mut(&mut self, at: usize) -> &mut Standing {
        &mut self.all[at]
    }
}
