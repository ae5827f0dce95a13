//! Causes a fault, scrapes while it lasts, heals it, and judges what was seen.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Answer, DEADLINE};
use super::fault::{Fault, Lacking, Scrapes, Up};
use super::page::Page;
use super::stage::Stage;
use super::watch::{Most, Watch};
use crate::LabError;

/// Between two scrapes that look whether everything is there again.
const INTERVAL: Duration = Duration::from_millis(500);

/// So many of them at most.
const LOOKS: usize = 60;

/// What was seen of a fault.
#[derive(Debug)]
pub struct Measured {
    /// The fault.
    pub fault: &'static Fault,
    /// The answers while it lasted.
    pub answers: Vec<Answer>,
    /// Series of collectors that are there before and after it.
    pub series: usize,
    /// How many of them the worst page lacked.
    pub lost: usize,
    /// Collectors that lacked on a page that says that the server is up, each with its database.
    pub lacking: BTreeSet<String>,
    /// Sessions on the server.
    pub most: Most,
    /// How many sessions the exporter may have.
    pub budget: usize,
    /// The number of the first scrape that had everything again, and how long after the healing it was answered.
    pub whole: Option<(usize, Duration)>,
    /// What did not hold.
    pub failures: Vec<String>,
}

/// Causes a fault on a stage that is well. Fails only where the stage does.
pub fn measure(stage: &mut Stage, fault: &'static Fault) -> Result<Measured, LabError> {
    let before = whole_page(stage)?;
    let collectors: Vec<String> = before.succeeded().into_iter().map(str::to_owned).collect();
    let watch = Watch::begin(stage)?;
    let answers = answers(stage, fault);
    // Healed and let go in any case, for the faults to come.
    let healed = (fault.heal)(stage).and(stage.release());
    let (answers, ()) = (answers?, healed?);
    // After a change of the role other collectors run.
    let expected = if stage.standby.is_some() { &[] } else { &*collectors };
    let (whole, after) = whole_again(stage, expected);
    let most = watch.end();

    let pages: Vec<&Page> = answers.iter().filter_map(Answer::page).collect();
    let after_series = after.as_ref().map(Page::collected).unwrap_or_default();
    let series: BTreeSet<&str> = before.collected().intersection(&after_series).copied().collect();
    let lost = pages.iter().map(|page| series.difference(&page.collected()).count()).max();
    let budgets = pages.iter().copied().chain([&before]).chain(&after).filter_map(budget);
    let mut measured = Measured {
        fault,
        series: series.len(),
        lost: lost.unwrap_or(series.len()),
        lacking: lacking(expected, &pages),
        most,
        budget: budgets.max().unwrap_or_default(),
        whole,
        failures: Vec::new(),
        answers,
    };
    measured.failures = measured.judge(&stage.exporter.log());
    Ok(measured)
}

/// Scrapes until everything is there, and once more: some collectors give details of what others have found. Fails if that
/// takes too long.
fn whole_page(stage: &Stage) -> Result<Page, LabError> {
    let (first, _) = whole_again(stage, &[]);
    let (_, page) = whole_again(stage, &[]);
    first.and(page).ok_or_else(|| {
        let what = format!("not all collectors succeed on {}", stage.server.name());
        LabError::Unexpected(format!("{what}: {}", stage.exporter.process().log_tail()))
    })
}

fn whole_again(stage: &Stage, collectors: &[String]) -> (Option<(usize, Duration)>, Option<Page>) {
    let begun = Instant::now();
    for number in 1..=LOOKS {
        let answer = Answer::of(stage.exporter.address());
        if answer.is_whole(collectors) {
            return (Some((number, begun.elapsed())), answer.page.ok());
        }
        thread::sleep(INTERVAL);
    }
    (None, None)
}

/// Causes the fault and returns what its scrapes got.
fn answers(stage: &mut Stage, fault: &Fault) -> Result<Vec<Answer>, LabError> {
    let address = stage.exporter.address();
    match fault.scrapes {
        Scrapes::InTurn(count) => {
            (fault.cause)(stage)?;
            Ok((0..count).map(|_| Answer::of(address)).collect())
        }
        Scrapes::AtOnce(count) => {
            (fault.cause)(stage)?;
            thread::scope(|scope| {
                let all: Vec<_> = (0..count).map(|_| scope.spawn(move || Answer::of(address))).collect();
                Ok(all.into_iter().filter_map(|one| one.join().ok()).collect())
            })
        }
        Scrapes::Meanwhile => {
            let caused = AtomicBool::new(false);
            thread::scope(|scope| {
                let scraper = scope.spawn(|| {
                    let mut answers = Vec::new();
                    while !caused.load(Ordering::Relaxed) {
                        answers.push(Answer::of(address));
                    }
                    answers.push(Answer::of(address));
                    answers
                });
                let outcome = (fault.cause)(stage);
                caused.store(true, Ordering::Relaxed);
                let answers = scraper.join().unwrap_or_default();
                outcome.map(|()| answers)
            })
        }
    }
}

/// The collectors that are not a success on all pages of a server that is up.
fn lacking(expected: &[String], pages: &[&Page]) -> BTreeSet<String> {
    let up = pages.iter().filter(|page| page.is_up());
    let lacks = |page: &&Page| {
        let succeeded = page.succeeded();
        let lacks: Vec<String> = expected.iter().filter(|one| !succeeded.contains(&***one)).cloned().collect();
        lacks
    };
    up.flat_map(lacks).collect()
}

fn budget(page: &Page) -> Option<usize> {
    page.value("pg_exporter_connections_budget").map(|budget| budget as usize)
}

impl Measured {
    /// The longest time that a scrape waited for its answer.
    pub fn slowest(&self) -> Duration {
        self.answers.iter().map(|answer| answer.elapsed).max().unwrap_or_default()
    }

    /// The statuses of the answers.
    pub fn statuses(&self) -> String {
        let status = |answer: &Answer| answer.status.map_or("none".to_owned(), |status| status.to_string());
        joined(self.answers.iter().map(status))
    }

    /// What the pages say of the server.
    pub fn up(&self) -> String {
        let up = |page: &Page| match (page.is_up(), page.reason()) {
            (true, _) => "1".to_owned(),
            (false, reason) => format!("0 {}", reason.unwrap_or("without a reason")),
        };
        joined(self.answers.iter().filter_map(Answer::page).map(up))
    }

    /// What does not hold.
    fn judge(&self, log: &str) -> Vec<String> {
        let expected = &self.fault.expected;
        let mut failures: Vec<String> = self.answers.iter().filter_map(|answer| self.wrong(answer)).collect();
        let is_excused = |collector: &String| match expected.lacking {
            Lacking::None => false,
            Lacking::Only(name) => collector.contains(&format!("collector=\"{name}\"")),
            Lacking::Any => true,
        };
        let unexcused: Vec<&str> = self.lacking.iter().filter(|one| !is_excused(one)).map(String::as_str).collect();
        if !unexcused.is_empty() {
            failures.push(format!("no success of {}", unexcused.join("; ")));
        }
        if self.most.sessions > self.budget {
            failures.push(format!("{} sessions, {} allowed", self.most.sessions, self.budget));
        }
        if self.whole.is_none_or(|(scrapes, _)| scrapes > expected.whole_within) {
            failures.push(format!("whole after {}, {} scrapes allowed", self.recovery(), expected.whole_within));
        }
        if log.contains("panicked") {
            failures.push("the exporter panicked".to_owned());
        }
        failures
    }

    /// What is wrong with an answer.
    fn wrong(&self, answer: &Answer) -> Option<String> {
        if answer.elapsed >= DEADLINE {
            return Some(format!("answered after {:.1} s", answer.elapsed.as_secs_f64()));
        }
        let page = match (&answer.page, answer.status) {
            (Ok(page), Some(200)) => page,
            (Err(_), None) if self.fault.expected.unanswered => return None,
            (Ok(_), status) => return Some(format!("status {status:?}")),
            (Err(error), status) => return Some(format!("status {status:?}: {error}")),
        };
        match (self.fault.expected.up, page.is_up(), page.reason()) {
            (Up::Always, false, reason) => Some(format!("pg_up 0 {}", reason.unwrap_or_default())),
            (Up::Never(_), true, _) => Some("pg_up 1".to_owned()),
            (Up::Never(expected), false, reason) if reason != Some(expected) => Some(format!("pg_up 0 {reason:?}")),
            _ => None,
        }
    }

    /// How long it took until everything was there again.
    pub fn recovery(&self) -> String {
        match self.whole {
            Some((scrapes, after)) => format!("{scrapes} ({:.1} s)", after.as_secs_f64()),
            None => format!("never in {LOOKS} scrapes"),
        }
    }
}

/// Distinct values in order; a dash if there are none.
fn joined(values: impl Iterator<Item = String>) -> String {
    let distinct: BTreeSet<String> = values.collect();
    if distinct.is_empty() {
        return "–".to_owned();
    }
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (name, slowest) = (self.fault.name, self.slowest().as_secs_f64());
        let Most { sessions, waiting } = self.most;
        write!(
            out,
            "{name}: {} scrapes, {slowest:.2} s, status {}, pg_up {}, {} of {} series lost, \
             {sessions} sessions of {}, {waiting} waited for a lock, whole after {}",
            self.answers.len(),
            self.statuses(),
            self.up(),
            self.lost,
            self.series,
            self.budget,
            self.recovery()
        )?;
        let distinct: BTreeSet<&String> = self.failures.iter().collect();
        distinct.into_iter().try_for_each(|failure| write!(out, "\n  FAILED: {failure}"))
    }
}
