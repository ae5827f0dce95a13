//! The exporter's own metrics, encoded for each page.

use std::collections::BTreeMap;

use prometheus_client::registry::Registry;

use super::headers::Header;
use super::text::{Number, close_labels, write_label, write_sample};

/// The exporter's own families, by name.
#[derive(Debug, Default)]
pub(crate) struct SelfMetrics {
    families: BTreeMap<String, OwnFamily>,
    constant_labels: Vec<(String, String)>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct OwnFamily {
    kind: String,
    help: String,
    pub lines: Vec<u8>,
}

impl OwnFamily {
    pub fn header(&self, name: &str) -> Header {
        Header::new(name, &self.kind, &self.help)
    }
}

impl SelfMetrics {
    /// No family yet; every sample will carry `constant_labels`.
    pub fn new(constant_labels: &[(String, String)]) -> Self {
        Self { families: BTreeMap::new(), constant_labels: constant_labels.to_vec() }
    }

    /// Adds a sample of a gauge.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(name, "gauge", help, labels, Number::Float(value));
    }

    /// Adds a sample of a counter.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.sample(name, "counter", help, labels, Number::Int(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    /// Adds a sample of a counter with fractions, such as seconds.
    #[cfg(target_os = "linux")]
    pub fn float_counter(&mut self, name: &str, help: &str, value: f64) {
        self.sample(name, "counter", help, &[], Number::Float(value));
    }

    /// Adds all samples of others.
    pub fn merge(&mut self, others: Self) {
        for (name, family) in others.families {
            self.family(&name, &family.kind, &family.help).lines.extend(family.lines);
        }
    }

    fn sample(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], number: Number) {
        let mut set = Vec::new();
        let constant = self.constant_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (label, value) in
            labels.iter().copied().chain(constant.filter(|(c, _)| !labels.iter().any(|(l, _)| l == c)))
        {
            write_label(&mut set, label, value);
        }
        close_labels(&mut set);
        write_sample(&mut self.family(name, kind, help).lines, name, &set, number);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) -> &mut OwnFamily {
        self.families.entry(name.to_owned()).or_insert_with(|| OwnFamily {
            kind: kind.to_owned(),
            help: help.to_owned(),
            lines: Vec::new(),
        })
    }

    /// Adds every family of a registry. Its encoder writes OpenMetrics, where a counter's family lacks the `_total` of its
    /// samples; text 0.0.4 names both alike.
    pub fn registry(&mut self, registry: &Registry) {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, registry).is_err() {
            return;
        }
        let (mut help, mut current) = ("", None);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                help = rest.split_once(' ').map_or("", |(_, help)| help);
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
                current = Some((name, kind, help));
            } else if let (Some((name, kind, help)), false) = (&current, line.starts_with('#')) {
                let family = self.family(name, kind, help);
                family.lines.extend_from_slice(line.as_bytes());
                family.lines.push(b'\n');
            }
        }
    }

    pub(super) fn into_families(self) -> BTreeMap<String, OwnFamily> {
        self.families
    }
}
