//! A page of metrics as values.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

use lab::{Cache, Process};

/// A page in the text format.
pub struct Page {
    pub text: String,
    /// Type by family.
    types: BTreeMap<String, String>,
    samples: BTreeMap<String, Vec<Sample>>,
}

/// A value with its labels.
#[derive(Debug, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Page {
    pub fn parse(text: String) -> Page {
        let (mut types, mut samples) = (BTreeMap::new(), BTreeMap::<String, Vec<Sample>>::new());
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# TYPE ") {
                let (name, kind) = head.split_once(' ').unwrap();
                let before = types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "two heads of {name}");
            } else if !line.starts_with('#') {
                let (name, sample) = parse_sample(line).unwrap_or_else(|| panic!("no sample: {line}"));
                samples.entry(name).or_default().push(sample);
            }
        }
        Page { text, types, samples }
    }

    /// What `promtool check metrics`, to whom it has to be valid, does not like about it: name and complaint.
    pub fn complaints(&self) -> BTreeSet<String> {
        let mut check = Process::command(Cache::open().unwrap().promtool().unwrap());
        check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut check = check.spawn().unwrap();
        let mut input = check.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            // It may end before it has read all of a page that is not valid; then its words tell why.
            scope.spawn(move || input.write_all(self.text.as_bytes()).ok());
            check.wait_with_output().unwrap()
        });
        let told = String::from_utf8_lossy(&output.stderr);
        // 3 is "valid, but names could be better".
        assert!(matches!(output.status.code(), Some(0 | 3)), "{told}");
        told.lines().map(str::to_owned).collect()
    }

    /// Names of all families.
    pub fn families(&self) -> BTreeSet<&str> {
        self.types.keys().map(String::as_str).collect()
    }

    /// The type of a family.
    pub fn kind(&self, family: &str) -> Option<&str> {
        self.types.get(family).map(String::as_str)
    }

    /// The samples of that name that have these labels, and maybe more.
    pub fn samples(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let wanted = |sample: &&Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        self.samples.get(name).into_iter().flatten().filter(wanted).collect()
    }

    /// The value of the only sample of that name with these labels, if there is one.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        match self.samples(name, labels)[..] {
            [] => None,
            [one] => Some(one.value),
            ref more => panic!("{name}{labels:?} is not one sample: {more:?}"),
        }
    }

    /// All values of a label of that name.
    pub fn label_values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        self.samples(name, &[]).iter().filter_map(|sample| sample.labels.get(label)).map(String::as_str).collect()
    }

    /// Nothing failed and nothing was dropped: every planned collector is a success in every database.
    pub fn assert_clean_in(&self, namespace: &str, whose: &str) {
        let name = |rest: &str| format!("{namespace}_{rest}");
        let reason = self.label_values(&name("up_reason"), "reason");
        assert_eq!(self.value(&name("up"), &[]), Some(1.0), "{whose}: {reason:?}");
        for name in [name("exporter_dropped_samples_total"), name("exporter_collector_errors_total")] {
            let found: Vec<_> = self.samples(&name, &[]).into_iter().filter(|sample| sample.value > 0.0).collect();
            assert!(found.is_empty(), "{whose}: {name} {found:?}");
        }
        for sample in self.samples(&name("exporter_collector_success"), &[]) {
            assert_eq!(sample.value, 1.0, "{whose}: {:?}", sample.labels);
        }
    }
}

/// Name, labels, value of a line of the text format.
fn parse_sample(line: &str) -> Option<(String, Sample)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        while !inside.starts_with('}') {
            let (label, after) = inside.split_once("=\"")?;
            let (value, after) = unescape(after)?;
            assert_eq!(labels.insert(label.to_owned(), value), None, "label {label} twice: {line}");
            inside = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &inside[1..];
    }
    Some((name.to_owned(), Sample { labels, value: rest.trim().parse().ok()? }))
}

/// A label value up to its closing quote, and what comes after.
fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                _ => return None,
            },
            plain => value.push(plain),
        }
    }
    None
}
