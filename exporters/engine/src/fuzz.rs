//! Checks for the targets in `fuzz/`: each takes any bytes and panics where something is wrong. Not an interface.

use openmetrics_parser::{MetricFamily, RenderableMetricValue, Sample};

use crate::catalog::{Catalog, EmbeddedFolder, LoadRules, Origin};
use crate::exposition::{Format, accepts_gzip, close_labels, write_label};
use crate::log;
use crate::printable::is_unprintable;
use crate::redact;
use crate::tiers::Tiers;

const SECRET: &str = "Xk9Secret7q";

/// A collector file loads, or each of its errors names the file and a line of it.
pub fn collector_file(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let folder = EmbeddedFolder { name: "fuzz", files: vec![("fuzz.yml".to_owned(), text)] };
    for strict in [false, true] {
        let rules = LoadRules { strict, ..LoadRules::default() };
        let loaded = Catalog::load_checked(&[Origin::Embedded(folder.clone())], &Tiers::default(), &rules);
        if let Err(errors) = loaded.map_err(|error| error.to_string()) {
            assert!(errors.starts_with("fuzz.yml:"), "no position: {errors}");
        }
    }
}

/// A scraper reads the value of a label that was written, in both formats.
pub fn label(input: &[u8]) {
    // This parser takes a carriage return for the end of a line; those of scrapers do not.
    let value = String::from_utf8_lossy(input).replace('\r', "");
    let mut set = Vec::new();
    write_label(&mut set, "label", &value);
    close_labels(&mut set);
    let page = format!("# TYPE m gauge\nm{} 1\n", String::from_utf8_lossy(&set));
    let expected = vec![value];
    match openmetrics_parser::prometheus::parse_prometheus(&page) {
        Ok(read) => assert_eq!(labels(read.families.values()), expected, "{page}"),
        Err(error) => panic!("{page}: {error}"),
    }
    match openmetrics_parser::openmetrics::parse_openmetrics(&format!("{page}# EOF\n")) {
        Ok(read) => assert_eq!(labels(read.families.values()), expected, "{page}"),
        Err(error) => panic!("{page}: {error}"),
    }
}

/// The values of all labels of this name in a page that was read.
fn labels<'a, T: Clone + 'a, V: RenderableMetricValue + Clone + 'a>(
    families: impl Iterator<Item = &'a MetricFamily<T, V>>,
) -> Vec<String> {
    let samples = families.flat_map(MetricFamily::iter_samples);
    let value = |sample: &Sample<V>| sample.get_labelset().ok()?.get_label_value("label").map(str::to_owned);
    samples.filter_map(value).collect()
}

/// Passwords are masked whatever stands around them.
pub fn redact(input: &[u8]) {
    let (before, after) = halves(input);
    redact::statement(&before);
    redact::secrets(&before);
    if before.contains(SECRET) || after.contains(SECRET) {
        return;
    }
    // The word before a URL or a key is its own: anything may precede it after a space.
    for text in
        [format!("{before} password={SECRET} {after}"), format!("{before} postgres://monitor:{SECRET}@db1/{after}")]
    {
        let masked = redact::secrets(&text);
        assert!(!masked.contains(SECRET), "{text:?} became {masked:?}");
    }
}

/// A web configuration is read, or its error names the file.
pub fn web_config(input: &[u8]) {
    if let Err(error) = crate::listen::parse_only(input) {
        assert!(error.starts_with("web.yml:"), "no position: {error}");
    }
}

/// Any Accept and Accept-Encoding headers get one of the two formats.
pub fn negotiate(input: &[u8]) {
    let (accept, encoding) = halves(input);
    let content_type = Format::negotiate(Some(&accept), false).content_type();
    assert!(content_type.starts_with("text/plain") || content_type.starts_with("application/openmetrics-text"));
    accepts_gzip(Some(&encoding));
}

/// Any text in an event is one line of visible characters, and JSON keeps it.
pub fn log_line(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for json in [false, true] {
        let written = String::from_utf8_lossy(&log::line_of(&text, json)).into_owned();
        let line = written.strip_suffix('\n').unwrap_or_default();
        assert!(!line.is_empty() && !line.contains(is_unprintable), "{written:?}");
        if json {
            let read = serde_json::from_str::<serde_json::Value>(line);
            assert!(read.is_ok_and(|event| event["text"] == *text), "{written:?}");
        }
    }
}

/// The input before and after its first line break.
fn halves(input: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(input);
    let (before, after) = text.split_once('\n').unwrap_or((&text, ""));
    (before.to_owned(), after.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use replay::replay;

    #[test]
    fn collector_files() {
        replay("collector_file", 150, collector_file);
    }

    #[test]
    fn label_values() {
        replay("label", 1_500, label);
    }

    #[test]
    fn secrets_in_texts() {
        replay("redact", 1_500, redact);
    }

    #[test]
    fn web_configurations() {
        replay("web_config", 1_500, web_config);
    }

    #[test]
    fn accept_headers() {
        replay("negotiate", 3_000, negotiate);
    }

    #[test]
    fn log_lines() {
        replay("log_line", 1_500, log_line);
    }
}
