//! Feeds the seeds of `fuzz/seeds` and mutations of them to a check: the same ones at each run, so that a failure repeats.
//!
//! `FUZZ_SECONDS` makes a long run of it, and `FUZZ_SEED` another one.

mod mutate;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub use mutate::Mutator;

/// Runs `check` on each seed of `target`, then on `runs` mutations of them, or as many as `FUZZ_SECONDS` allow.
///
/// A check fails by a panic; the input is printed then.
///
/// # Panics
/// There is no seed, or a check fails.
pub fn replay(target: &str, runs: usize, check: impl Fn(&[u8])) {
    let seeds = seeds(target);
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let end = number("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut mutator = Mutator::new(number("FUZZ_SEED").unwrap_or(1), &seeds);
    let mut count = 0;
    for seed in &seeds {
        run(target, seed, &check);
    }
    while end.map_or(count < runs, |end| Instant::now() < end) {
        run(target, &mutator.next_input(), &check);
        count += 1;
    }
    println!("{target}: {} seeds, {count} mutations", seeds.len());
}

/// The seeds of a target, in order of their names.
///
/// # Panics
/// There is none, or one cannot be read.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn run(target: &str, input: &[u8], check: &impl Fn(&[u8])) {
    let _shown = ShownOnPanic { target, input };
    check(input);
}

/// Prints the input if its check fails.
struct ShownOnPanic<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for ShownOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} fails on b\"{}\"", self.target, self.input.escape_ascii());
        }
    }
}
