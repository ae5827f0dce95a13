//! Whether nothing has grown and nothing has failed.

use super::sample::{Second, mean, most, quarters};

/// How much more memory the last quarter may take than the second.
const MEMORY_GROWTH: f64 = 1.05;

/// Descriptors for what happens to be under way: clients, a session that is opened.
const MORE_DESCRIPTORS: f64 = 6.0;

/// Sessions in databases that come and go.
const MORE_SESSIONS: f64 = 3.0;

/// What does not hold of a soak. `budget` is how many sessions the exporter may have on a server.
pub fn failures(seconds: &[Second], budget: u64) -> Vec<String> {
    let (second, last) = quarters(seconds);
    let mut failures = Vec::new();
    let failed = seconds.last().map_or(0, |last| last.failed);
    if failed > 0 {
        failures.push(format!("{failed} scrapes without a valid page in time"));
    }
    let [before, after] = [second, last].map(|quarter| mean(quarter, |one| one.memory_mib));
    if after > before * MEMORY_GROWTH {
        failures.push(format!("memory: {before:.1} MiB in the second quarter, {after:.1} MiB in the last"));
    }
    let [before, after] = [second, last].map(|quarter| most(quarter, |one| one.descriptors as f64));
    if after > before + MORE_DESCRIPTORS {
        failures.push(format!("descriptors: {before} in the second quarter, {after} in the last"));
    }
    let sessions = most(seconds, |one| one.sessions as f64);
    if sessions > budget as f64 {
        failures.push(format!("{sessions} sessions, {budget} allowed"));
    }
    let [before, after] = [second, last].map(|quarter| mean(quarter, |one| one.sessions as f64));
    if after > before + MORE_SESSIONS {
        failures.push(format!("sessions: {before:.1} in the second quarter, {after:.1} in the last"));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soak of 40 s, of which each second is made by its number.
    fn soak(of: impl Fn(u64) -> Second) -> Vec<Second> {
        (0..40).map(of).collect()
    }

    #[test]
    fn growth_and_failures_are_found() {
        let flat = |second| Second { second, memory_mib: 20.0, descriptors: 15, sessions: 4, ..Second::default() };
        let warming = |second| Second { memory_mib: 10.0 + (second as f64).min(9.0), ..flat(second) };
        assert_eq!(failures(&soak(flat), 4), [""; 0]);
        assert_eq!(failures(&soak(warming), 4), [""; 0]);
        let grown = |second| Second {
            memory_mib: 20.0 + second as f64 / 10.0,
            descriptors: 10 + second,
            sessions: second / 4,
            failed: second,
            ..flat(second)
        };
        let found = failures(&soak(grown), 2);
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
