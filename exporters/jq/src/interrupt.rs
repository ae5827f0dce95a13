//! Ends a filter at its deadline, also between two of its outputs.
//!
//! The interpreter looks up each term that it evaluates in a table. That is counted here, and is where it can be ended: it
//! has no other place for that, so the lookup unwinds.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use jaq_core::compile::Lut;
use jaq_core::data::HasLut;
use jaq_core::{DataT, Native};
use jaq_json::Val;

/// How many terms are evaluated between two looks at the clock.
const STEPS: u64 = 1024;

/// Filters over values of jq that have a deadline.
pub struct Interruptible;

/// The table of terms of a filter that runs, and its deadline.
pub struct Run<'a> {
    terms: &'a Lut<Native<Interruptible>>,
    deadline: Instant,
    steps: Cell<u64>,
}

/// What unwinds from a filter at its deadline.
struct Interrupted;

impl DataT for Interruptible {
    type V<'a> = Val;
    type Data<'a> = &'a Run<'a>;
}

impl<'a> HasLut<'a, Interruptible> for &'a Run<'a> {
    fn lut(&self) -> &'a Lut<Native<Interruptible>> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps.is_multiple_of(STEPS) && Instant::now() > self.deadline {
            // Unlike a panic this is no bug, and is not reported as one.
            resume_unwind(Box::new(Interrupted));
        }
        self.terms
    }
}

impl<'a> Run<'a> {
    pub fn new(terms: &'a Lut<Native<Interruptible>>, deadline: Instant) -> Self {
        Self { terms, deadline, steps: Cell::new(0) }
    }

    /// How many terms have been evaluated.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }
}

/// The result of work with a filter; `None` if it was interrupted.
pub(crate) fn interruptible<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) if payload.is::<Interrupted>() => None,
        Err(panic) => resume_unwind(panic),
    }
}
