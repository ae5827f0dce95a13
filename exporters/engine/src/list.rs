//! Lists to print: every metric of the collectors and of the exporter itself, every key of collector files.

use std::fmt::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::catalog::Catalog;
use crate::collector::{Collector, Column, Family, MetricKind, json_schema, keys_page};
use crate::facts::VersionRange;
use crate::printable::Lines;
use crate::self_metric::{self, SelfMetric};

/// Form of the list of metrics.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
    Markdown,
}

/// Form of the list of keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KeysFormat {
    Markdown,
    Schema,
}

/// One metric of one collector.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    r#type: &'static str,
    labels: Vec<String>,
    unit: Option<&'static str>,
    versions: String,
    help: String,
    collector: String,
    tags: Vec<String>,
    /// Whether its file disables it (`skip: true`).
    off: bool,
}

/// Prints all metrics, sorted by name.
///
/// # Errors
/// JSON that cannot be written, which does not happen with such plain data.
pub(crate) fn list(catalog: &Catalog, format: ListFormat) -> Result<String, serde_json::Error> {
    let mut metrics: Vec<Listed> = catalog
        .collectors
        .iter()
        .flat_map(|collector| collector.columns.iter().flat_map(|column| listed(collector, column)))
        .collect();
    metrics.sort_by(|a, b| (&a.name, &a.collector).cmp(&(&b.name, &b.collector)));
    match format {
        ListFormat::Json => serde_json::to_string_pretty(&metrics).map(|text| text + "\n"),
        ListFormat::Table => Ok(table(&metrics)),
        ListFormat::Markdown => Ok(markdown(catalog, &metrics)),
    }
}

/// Prints all collectors in the order in which they run: branch, tags, ttl and what each one reads.
pub(crate) fn collectors(catalog: &Catalog) -> String {
    let mut out = Lines::default();
    let tags = |collector: &Collector| collector.tags.join(",");
    let width = |of: &dyn Fn(&Collector) -> usize| catalog.collectors.iter().map(of).max().unwrap_or_default();
    let (key_width, tag_width) = (width(&|one| one.key.len()), width(&|one| tags(one).len()).max(4));
    out.line(format_args!("{:<key_width$}  {:>5}  {:<tag_width$}  description", "collector", "ttl", "tags"));
    for collector in &catalog.collectors {
        let (key, ttl) = (&collector.key, collector.ttl.as_secs_f64());
        let off = if collector.skip { "off: " } else { "" };
        let description = collector.description.split_whitespace().collect::<Vec<_>>().join(" ");
        out.line(format_args!("{key:<key_width$}  {ttl:>5}  {:<tag_width$}  {off}{description}", tags(collector)));
    }
    out.into_text()
}

/// A metric that the exporter exposes about itself.
#[derive(Debug, Serialize)]
struct ListedSelf {
    name: String,
    r#type: &'static str,
    labels: &'static [&'static str],
    unit: Option<&'static str>,
    help: &'static str,
}

/// Prints the metrics that the exporter exposes about itself, under a namespace.
///
/// # Errors
/// JSON that cannot be written, which does not happen with such plain data.
pub(crate) fn self_metrics(namespace: &str, format: ListFormat) -> Result<String, serde_json::Error> {
    let listed = |metric: &SelfMetric| {
        let name = metric.full_name(namespace);
        let (r#type, unit) = (metric.kind.word(), unit(&name));
        ListedSelf { name, r#type, labels: metric.labels, unit, help: metric.help }
    };
    let metrics: Vec<ListedSelf> = self_metric::ALL.iter().map(listed).collect();
    match format {
        ListFormat::Json => serde_json::to_string_pretty(&metrics).map(|text| text + "\n"),
        ListFormat::Table => Ok(self_table(&metrics)),
        ListFormat::Markdown => Ok(self_markdown(&metrics)),
    }
}

fn self_table(metrics: &[ListedSelf]) -> String {
    let mut out = Lines::default();
    let width = metrics.iter().map(|metric| metric.name.len()).max().unwrap_or_default();
    for ListedSelf { name, r#type, labels, help, .. } in metrics {
        out.line(format_args!("{name:<width$}  {type:<7}  {{{}}}  {help}", labels.join(",")));
    }
    out.into_text()
}

fn self_markdown(metrics: &[ListedSelf]) -> String {
    let mut out = String::from(
        "# Metrics of the exporters\n\n\
         Every exporter exposes these metrics about itself. The prefix is `pg`, `pgbouncer` or\n\
         `pgbackrest`, or that of `--namespace`. `--disable-intro` leaves out all but `pg_up`. With\n\
         several servers, metrics of one server have the label `target`. The `process_` metrics of\n\
         every client library are exposed too. `make bless` writes this page.\n\n\
         | metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n",
    );
    for ListedSelf { name, r#type, labels, unit, help } in metrics {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        // Writing to a String cannot fail.
        writeln!(out, "| `{name}` | {type} | {labels} | {} | {help} |", unit.unwrap_or_default()).ok();
    }
    out
}

/// Prints the keys of collector files.
///
/// # Errors
/// JSON that cannot be written, which does not happen with such plain data.
pub(crate) fn keys(format: KeysFormat) -> Result<String, serde_json::Error> {
    match format {
        KeysFormat::Markdown => Ok(keys_page()),
        KeysFormat::Schema => json_schema(),
    }
}

fn listed(collector: &Collector, column: &Column) -> Vec<Listed> {
    let labels: Vec<String> = collector.labels().into_iter().map(str::to_owned).collect();
    let families = collector.families_of(column);
    let listed = |family: Family| Listed {
        unit: unit(&family.name),
        labels: labels.iter().cloned().chain(has_bounds(&family).then(|| "le".to_owned())).collect(),
        name: family.name,
        r#type: family.kind.word(),
        versions: versions(collector, column),
        help: family.help,
        collector: collector.key.to_string(),
        tags: collector.tags.clone(),
        off: collector.skip,
    };
    families.into_iter().map(listed).collect()
}

/// Whether its samples, or some of them, have the label of a bound.
fn has_bounds(family: &Family) -> bool {
    family.kind == MetricKind::Histogram || family.name.ends_with("_bucket")
}

/// The versions that have it: of the server, unless an extension is named.
fn versions(collector: &Collector, column: &Column) -> String {
    match &collector.version_of {
        Some(extension) if column.versions != VersionRange::default() => format!("{} of {extension}", column.versions),
        Some(_) => collector.versions.to_string(),
        None => both(collector.versions, column.versions).to_string(),
    }
}

/// The versions that are in both ranges.
fn both(one: VersionRange, other: VersionRange) -> VersionRange {
    let max = match (one.max, other.max) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    VersionRange { min: one.min.max(other.min), max }
}

fn unit(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    [("_seconds", "seconds"), ("_bytes", "bytes"), ("_ratio", "ratio")]
        .iter()
        .find(|(ending, _)| name.ends_with(ending))
        .map(|(_, unit)| *unit)
}

fn table(metrics: &[Listed]) -> String {
    let mut out = Lines::default();
    let width = metrics.iter().map(|metric| metric.name.len()).max().unwrap_or_default();
    for metric in metrics {
        let Listed { name, r#type, versions, help, .. } = metric;
        let labels = metric.labels.join(",");
        out.line(format_args!("{name:<width$}  {type:<7}  {versions:<20}  {{{labels}}}  {help}"));
    }
    out.into_text()
}

fn markdown(catalog: &Catalog, metrics: &[Listed]) -> String {
    let mut out = String::from("# Metrics\n");
    let mut keys: Vec<&Collector> = catalog.collectors.iter().collect();
    keys.sort_by(|a, b| a.key.cmp(&b.key));
    for collector in keys {
        // Writing to a String cannot fail, here and below.
        writeln!(out, "\n## {}\n\n{}", collector.key, wrapped(&collector.description)).ok();
        let labels = collector.labels().iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let labels = if labels.is_empty() { "none".into() } else { labels };
        let tags =
            if collector.tags.is_empty() { "none, so in every database".into() } else { collector.tags.join(", ") };
        let pace = match (collector.sample, &collector.log) {
            (Some(sample), _) => format!("sampled | every {} s", sample.as_secs_f64()),
            (None, Some(log)) => format!("log | {}", log.program.word()),
            (None, None) => format!("ttl | {} s", collector.ttl.as_secs_f64()),
        };
        let runs = match &collector.access {
            Some(table) => format!("Access | `{table}`: no query runs |\n| {pace}"),
            None if collector.rest.is_some() => "Reads | the REST interface of Patroni: `--patroni-url`".to_owned(),
            None => format!("Tags | {tags} |\n| {pace}"),
        };
        writeln!(out, "\n| | |\n|---|---|\n| Labels | {labels} |\n| {runs} |").ok();
        if let Some(source) = &collector.source {
            writeln!(out, "| Source | <{source}> |").ok();
        }
        out.push_str("\n| metric | type | versions | meaning |\n|---|---|---|---|\n");
        for metric in metrics.iter().filter(|metric| *metric.collector == *collector.key) {
            let help = metric.help.replace('|', "\\|");
            writeln!(out, "| `{}` | {} | {} | {help} |", metric.name, metric.r#type, metric.versions).ok();
        }
    }
    out
}

/// Breaks a paragraph into lines of at most 100 characters, as in all Markdown of the repository.
pub(crate) fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 100 {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out
}
