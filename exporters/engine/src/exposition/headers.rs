//! The HELP and TYPE lines of families, in each format, plain and compressed.

use std::sync::OnceLock;

use bytes::Bytes;
use crc32fast::Hasher;

use super::format::Format;
use super::gzip::{Compressors, Deflated};
use crate::collector::Family;

/// The headers of a catalog's families, encoded once and shared by all pages.
#[derive(Debug)]
pub(crate) struct Headers(Vec<(String, Header)>);

impl Headers {
    /// The headers of these families, in their order.
    pub fn of(families: &[Family]) -> Self {
        let header = |family: &Family| Header::new(&family.name, family.kind.word(), &family.help);
        Self(families.iter().map(|family| (family.name.clone(), header(family))).collect())
    }

    /// Families of one name, which have different types: the index of the first of them, and all.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (usize, &[(String, Header)])> {
        self.0.chunk_by(|(one, _), (other, _)| one == other).scan(0, |next, same_name| {
            let first = *next;
            *next += same_name.len();
            Some((first, same_name))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The HELP and TYPE lines of one family, in each format.
#[derive(Debug)]
pub(super) struct Header {
    text: Bytes,
    open_metrics: Bytes,
    deflated: OnceLock<Deflated>,
}

impl Header {
    /// A header; `kind` is `counter`, `gauge` or `unknown`.
    pub fn new(name: &str, kind: &str, help: &str) -> Self {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let untyped = if kind == "unknown" { "untyped" } else { kind };
        let text = format!("# HELP {name} {help}\n# TYPE {name} {untyped}\n");
        // A counter's family is named without `_total` in OpenMetrics, and a counter cannot be without it.
        let (family, kind) = match (kind, name.strip_suffix("_total")) {
            ("counter", Some(family)) => (family, kind),
            ("counter", None) => (name, "unknown"),
            _ => (name, kind),
        };
        let help = help.replace('"', "\\\"");
        let open_metrics = format!("# TYPE {family} {kind}\n# HELP {family} {help}\n");
        Self { text: text.into(), open_metrics: open_metrics.into(), deflated: OnceLock::new() }
    }

    pub(super) fn bytes(&self, format: Format) -> &Bytes {
        match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.open_metrics,
        }
    }

    pub(super) fn deflated(&self, format: Format, compressors: &Compressors) -> (Bytes, &Hasher) {
        let both = self.deflated.get_or_init(|| compressors.deflate([&*self.text, &*self.open_metrics]));
        both.family(match format {
            Format::Text => 0,
            Format::OpenMetrics => 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_a_counter_without_total_as_unknown_in_openmetrics() {
        let total = Header::new("x_total", "counter", "say \"x\"");
        assert_eq!(total.bytes(Format::Text), "# HELP x_total say \"x\"\n# TYPE x_total counter\n");
        assert_eq!(total.bytes(Format::OpenMetrics), "# TYPE x counter\n# HELP x say \\\"x\\\"\n");
        assert_eq!(Header::new("x", "counter", "").bytes(Format::OpenMetrics), "# TYPE x unknown\n# HELP x \n");
    }
}
