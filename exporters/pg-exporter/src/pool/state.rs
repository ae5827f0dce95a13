//! The state of a pool: which slot is used for what. No I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pgclient::{ConnectionSlot, Target};
use tokio::sync::Notify;

use super::opening::Opening;
use super::pooled_connection::PooledConnection;
use super::purpose::Purpose;

/// How many databases beside the main one are read at once.
const MAX_PARALLEL: usize = 4;
/// How many connections to the main database there may be: with sessions that the server does not end, each further scrape
/// would open another one.
const MAX_RESERVED: usize = 3;

pub(super) struct PoolState {
    pub(super) slots: Vec<PoolSlot>,
    /// How many of them may be taken.
    pub(super) budget: usize,
    /// When the last two scrapes took a connection to the main database.
    scrapes: [Instant; 2],
    /// The slot whose connection a sample uses.
    sampled: Option<usize>,
    /// Whether a task closes unused connections.
    pub(super) sweeping: bool,
    /// When the certificate expires that the server presented last, in Unix seconds; `None` without TLS.
    pub(super) certificate_expiry: Option<f64>,
    /// Encrypted connections that were begun before are closed instead of kept.
    renewed: Instant,
}

/// A slot of the budget.
pub(super) struct PoolSlot {
    pub(super) connection_slot: ConnectionSlot,
    /// What it was last used for.
    pub(super) purpose: Purpose,
    /// When its last connection was begun.
    pub(super) opened: Instant,
    pub(super) used: SlotUse,
}

/// What a slot is used for.
pub(super) enum SlotUse {
    /// Nothing, but the server may not have ended the previous connection.
    None,
    Opening(Opening),
    Idle(Box<PooledConnection>),
    InUse,
}

impl PoolState {
    pub(super) fn new(slots: usize, budget: usize, changed: &Arc<Notify>) -> Self {
        let now = Instant::now();
        let slot = |_| PoolSlot {
            connection_slot: ConnectionSlot::new(changed.clone()),
            purpose: Purpose::Main,
            opened: now,
            used: SlotUse::None,
        };
        let slots = (0..slots).map(slot).collect();
        Self {
            slots,
            budget,
            scrapes: [now; 2],
            sampled: None,
            sweeping: false,
            certificate_expiry: None,
            renewed: now,
        }
    }

    /// How many other databases may be connected at once; one slot is reserved for the main one.
    fn max_others(&self) -> usize {
        (self.budget - 1).max(1)
    }

    /// How many other databases may be read at once: few, so that a scrape takes no more than a part of the server's CPUs.
    pub(super) fn max_parallel_databases(&self) -> usize {
        self.max_others().min(MAX_PARALLEL)
    }

    /// Notes that a scrape begins.
    pub(super) fn note_scrape(&mut self) {
        self.scrapes = [self.scrapes[1], Instant::now()];
    }

    /// Notes that a sample uses the connection of a slot.
    pub(super) fn note_sample(&mut self, at: usize) {
        self.sampled = Some(at);
    }

    /// Notes that the connection of a slot is no longer used.
    pub(super) fn note_end(&mut self, at: usize) {
        self.sampled.take_if(|sampled| *sampled == at);
    }

    /// Whether a sample uses a connection.
    pub(super) fn is_sampled(&self) -> bool {
        self.sampled.is_some()
    }

    /// Whether a sample may open the connection to the main database: there is none that it could wait for, and, with a
    /// budget of one, no other database has its turn.
    pub(super) fn may_open_for_sample(&self) -> bool {
        let is_used = |slot: &PoolSlot| slot.purpose == Purpose::Main && matches!(slot.used, SlotUse::InUse);
        !self.slots.iter().any(is_used) && (self.budget > 1 || self.taken() == 0)
    }

    fn taken(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_taken()).count()
    }

    /// Changes the budget. Returns idle connections that are beyond it.
    pub(super) fn set_budget(&mut self, budget: usize) -> Vec<PooledConnection> {
        self.budget = budget.clamp(1, self.slots.len());
        let mut beyond = Vec::new();
        while self.taken() - beyond.len() > self.budget
            && let Some(at) = self.evictable()
            && let SlotUse::Idle(pooled) = std::mem::replace(&mut self.slots[at].used, SlotUse::None)
        {
            beyond.push(*pooled);
        }
        beyond
    }

    /// Has encrypted connections replaced: the server may present another certificate now. Returns those that are idle.
    pub(super) fn renew_encrypted(&mut self) -> Vec<PooledConnection> {
        self.renewed = Instant::now();
        let mut outdated = Vec::new();
        for at in 0..self.slots.len() {
            if self.slots[at].idle().is_some_and(|pooled| self.is_outdated(at, pooled))
                && let SlotUse::Idle(pooled) = std::mem::replace(&mut self.slots[at].used, SlotUse::None)
            {
                outdated.push(*pooled);
            }
        }
        outdated
    }

    /// Whether the connection of a slot is to be replaced.
    pub(super) fn is_outdated(&self, at: usize, pooled: &PooledConnection) -> bool {
        self.slots[at].opened < self.renewed && pooled.connection.certificate_expiry().is_some()
    }

    /// The idle connection to another database that is needed least: the longest unused one if the last two scrapes did not
    /// need it. Else the youngest: with more databases than connections a few take turns, and the others keep theirs.
    fn evictable(&self) -> Option<usize> {
        let others = || self.slots.iter().enumerate().filter(|(_, slot)| !slot.purpose.is_reserved());
        let idle = || others().filter_map(|(at, slot)| Some((at, slot.opened, slot.idle()?)));
        let unused = idle().filter(|(.., pooled)| pooled.idle_since < self.scrapes[0]);
        if let Some((at, ..)) = unused.min_by_key(|(.., pooled)| pooled.idle_since) {
            return Some(at);
        }
        let (at, opened, _) = idle().filter(|(.., pooled)| pooled.lent).max_by_key(|one| one.1)?;
        let take_turns = others().filter(|(_, slot)| slot.opened > opened && slot.is_taken()).count();
        (take_turns < (self.max_others() / 4).clamp(1, MAX_PARALLEL)).then_some(at)
    }

    pub(super) fn openings(&self) -> impl Iterator<Item = &Opening> {
        self.slots.iter().filter_map(|slot| match &slot.used {
            SlotUse::Opening(opening) => Some(opening),
            _ => None,
        })
    }

    /// Whether health endpoints have a connection of their own. This needs three slots. While there is no connection to the
    /// main database, both wait for the same login, so that a login that hangs is not repeated.
    pub(super) fn keeps_one_for_health(&self) -> bool {
        let is_main =
            |slot: &PoolSlot| slot.purpose == Purpose::Main && matches!(slot.used, SlotUse::Idle(_) | SlotUse::InUse);
        let has_one = |slot: &PoolSlot| slot.purpose == Purpose::Health && slot.idle().is_some();
        self.budget > 2 && self.slots.iter().any(|slot| is_main(slot) || has_one(slot))
    }

    /// Takes an idle connection for the purpose. Idle connections that have ended are dropped.
    pub(super) fn take_idle(&mut self, purpose: &Purpose) -> Option<(usize, PooledConnection)> {
        for slot in &mut self.slots {
            if slot.idle().is_some_and(|pooled| pooled.connection.is_closed()) {
                slot.used = SlotUse::None;
            }
        }
        let is_wanted = |slot: &PoolSlot| slot.idle().is_some_and(|pooled| pooled.purpose == *purpose);
        let at = self.slots.iter().position(is_wanted)?;
        match std::mem::replace(&mut self.slots[at].used, SlotUse::InUse) {
            SlotUse::Idle(mut pooled) => {
                pooled.lent = true;
                Some((at, *pooled))
            }
            _ => None,
        }
    }

    /// The slot for a new connection: a free one, else that of an idle connection, to other databases first.
    pub(super) fn slot_for(&self, purpose: &Purpose, target: &Target) -> Option<usize> {
        let slots = || self.slots.iter().enumerate();
        let reserved_idle = slots().filter(|(_, slot)| slot.purpose.is_reserved() && slot.idle().is_some()).count();
        let reserved = slots().filter(|(_, slot)| slot.purpose.is_reserved() && slot.is_taken()).count();
        let taken = self.taken();
        // One slot stays for the main database, free or idle: a query that still runs on it does not block the next scrape.
        let others_full = !purpose.is_reserved() && taken - reserved_idle >= self.max_others();
        // A server that hangs gets no more sessions for that, whatever the budget.
        let may_take_one = taken < self.budget && (!purpose.is_reserved() || reserved < MAX_RESERVED);
        // Of several servers, a slot may be taken at one that hangs.
        let may_use = |(_, slot): &(usize, &PoolSlot)| !others_full && (slot.is_taken() || may_take_one);
        let free = slots().filter(|(_, slot)| slot.is_free_for(target)).filter(may_use);
        let free = free.min_by_key(|(_, slot)| slot.connection_slot.taken());
        let idle_since = |(_, slot): &(usize, &PoolSlot)| slot.idle().map(|pooled| pooled.idle_since);
        let idle = || slots().filter(|(_, slot)| slot.idle().is_some());
        // With a budget of one, all databases take turns.
        let is_spare = |(_, slot): &(usize, &PoolSlot)| {
            let count = idle().filter(|(_, other)| other.purpose == slot.purpose).count();
            slot.purpose.is_reserved() && (count > 1 || self.budget == 1)
        };
        let found = free
            .map(|(at, _)| at)
            .or_else(|| self.evictable().filter(|_| !purpose.is_reserved() || reserved < MAX_RESERVED));
        found.or_else(|| {
            let spare = idle().filter(is_spare).min_by_key(idle_since).filter(|_| !others_full);
            spare.map(|(at, _)| at)
        })
    }

    /// Removes the connections that were idle for `idle_limit`; also returns when the next one may be.
    pub(super) fn take_unused(&mut self, idle_limit: Duration) -> (Vec<PooledConnection>, Option<Instant>) {
        let now = Instant::now();
        let mut unused = Vec::new();
        for slot in &mut self.slots {
            if slot.idle().is_some_and(|pooled| pooled.idle_since + idle_limit <= now)
                && let SlotUse::Idle(pooled) = std::mem::replace(&mut slot.used, SlotUse::None)
            {
                unused.push(*pooled);
            }
        }
        let next = self.slots.iter().filter_map(PoolSlot::idle).map(|pooled| pooled.idle_since + idle_limit).min();
        self.sweeping = next.is_some();
        (unused, next)
    }
}

impl PoolSlot {
    fn idle(&self) -> Option<&PooledConnection> {
        match &self.used {
            SlotUse::Idle(pooled) => Some(pooled),
            _ => None,
        }
    }

    fn is_taken(&self) -> bool {
        !matches!(self.used, SlotUse::None) || self.connection_slot.taken() > 0
    }

    /// Whether a connection can be opened in it now: of several servers, one may have ended its side.
    fn is_free_for(&self, target: &Target) -> bool {
        matches!(self.used, SlotUse::None) && !self.connection_slot.is_full(target)
    }

    /// Whether its connection was closed here, but not by the server yet.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(self.used, SlotUse::None) && self.connection_slot.taken() > 0
    }
}
