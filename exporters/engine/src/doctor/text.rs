//! The report for a person: the worst first, each finding with its evidence and its fix.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::{Cell, Finding, Object};
use super::report::{Report, ServerReport};
use super::rule::Severity;
use crate::http::humanize;
use crate::list::wrapped;
use crate::printable::Lines;

/// The report as text.
pub(crate) fn text(report: &Report) -> String {
    let mut out = Lines::default();
    for (at, server) in report.servers.iter().enumerate() {
        if at > 0 {
            out.line("");
        }
        head(&mut out, server);
        for finding in &server.findings {
            out.line("");
            write_finding(&mut out, finding);
        }
        out.section("# watched", server.watched.iter().cloned());
        rest(&mut out, server);
    }
    out.into_text()
}

fn head(out: &mut Lines, server: &ServerReport) {
    out.line(format_args!("# server {}, collectors of {}", server.target, server.collectors.origin));
    if let Some(error) = &server.error {
        return out.line(format_args!("# down: {error}"));
    }
    let role = server.role.map(|role| format!("{role}, ")).unwrap_or_default();
    let user = server.user.as_ref().map(|user| format!(", as {user}")).unwrap_or_default();
    out.line(format_args!("# {role}version {}{user}", server.version.as_deref().unwrap_or("unknown")));
    let count = |severity| server.findings.iter().filter(|finding| finding.severity == severity).count();
    out.line(format_args!(
        "# {} rules: {} critical, {} warning, {} info; {} could not be read",
        server.rules,
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Info),
        server.unread.len()
    ));
}

fn write_finding(out: &mut Lines, finding: &Finding) {
    out.line(format_args!("{}: {} ({})", finding.severity.word(), finding.summary, finding.name));
    for line in wrapped(&finding.why).lines() {
        out.line(format_args!("  {line}"));
    }
    for object in &finding.objects {
        out.line(format_args!("  - {}", evidence(object)));
    }
    let more = finding.count - finding.objects.len().min(finding.count);
    if more > 0 {
        out.line(format_args!("  - and {more} more"));
    }
    for (database, fixes) in fixes(finding) {
        let database = database.map(|name| format!(", database {name}")).unwrap_or_default();
        out.line(format_args!("  fix, in {}{database}:", finding.fix_in));
        for line in fixes.iter().flat_map(|fix| fix.lines()) {
            out.line(format_args!("    {line}"));
        }
    }
    out.line(format_args!("  see {}", finding.source));
}

/// The fixes of each database, each once.
fn fixes(finding: &Finding) -> BTreeMap<Option<&str>, Vec<&str>> {
    let mut found: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for object in &finding.objects {
        let Some(fix) = object.fix.as_deref() else { continue };
        let known = found.entry(object.database.as_deref()).or_default();
        if !known.contains(&fix) {
            known.push(fix);
        }
    }
    found
}

fn evidence(object: &Object) -> String {
    let database = object.database.iter().map(|name| format!("database={name}"));
    database.chain(object.evidence.iter().map(|(name, value)| shown(name, value))).collect::<Vec<_>>().join(" ")
}

/// A value with its name; one whose name ends in a unit has that unit.
fn shown(name: &str, value: &Cell) -> String {
    let number = match value {
        Cell::Int(number) => Some(*number as f64),
        Cell::Float(number) => Some(*number),
        _ => None,
    };
    if let (Some(name), Some(number)) = (name.strip_suffix("_bytes"), number) {
        return format!("{name}={}", humanize::bytes(number.max(0.0) as u64));
    }
    let time = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if let (Some(name), Some(time)) = (name.strip_suffix("_seconds"), time) {
        return format!("{name}={}", humanize::duration(time));
    }
    match value {
        Cell::Null => format!("{name}=?"),
        Cell::Bool(value) => format!("{name}={value}"),
        Cell::Int(value) => format!("{name}={value}"),
        Cell::Float(value) => format!("{name}={}", (value * 1000.0).round() / 1000.0),
        Cell::Text(text) if text.is_empty() || text.contains(char::is_whitespace) => format!("{name}=\"{text}\""),
        Cell::Text(text) => format!("{name}={text}"),
    }
}

/// What is about the exporter: what it could not read, what to change and to grant for it, what it costs.
fn rest(out: &mut Lines, server: &ServerReport) {
    let place = |database: &str| if database.is_empty() { String::new() } else { format!("{database} ") };
    let attention = server.collectors.attention.iter();
    out.section(
        "# collectors that need attention",
        attention.map(|one| format!("{}{}: {}", place(&one.database), one.collector, one.status)),
    );
    let optional = server.collectors.skipped.iter().filter(|one| one.optional);
    out.section("# collectors not planned", optional.map(|one| format!("{}: {}", one.collector, one.reason)));
    let unread = server.unread.iter();
    out.section("# rules not read", unread.map(|one| format!("{}{}: {}", place(&one.database), one.name, one.error)));
    out.section("# advice", server.advice.iter().cloned());
    out.section("# to see everything", server.grants.iter().cloned());
    let cost = &server.cost;
    let time = |seconds: f64| humanize::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let longest = cost.longest.iter();
    let longest = longest.map(|one| format!("{} {}", one.collector, time(one.seconds))).collect::<Vec<_>>().join(", ");
    out.section(
        "# cost",
        [
            format!(
                "{} collectors in {} databases: {}",
                server.collectors.planned,
                server.databases.len(),
                time(cost.seconds)
            ),
            format!("{} queries of rules: {}", cost.rule_queries, time(cost.rule_seconds)),
            format!("longest: {longest}"),
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_unit_of_their_name() {
        for (name, value, expected) in [
            ("size_bytes", Cell::Int(1_250_000), "size=1.2 MB"),
            ("idle_seconds", Cell::Float(59.4), "idle=59 s"),
            ("share", Cell::Float(0.123_456), "share=0.123"),
            ("name", Cell::Text("a b".into()), "name=\"a b\""),
            ("name", Cell::Null, "name=?"),
            ("active", Cell::Bool(false), "active=false"),
        ] {
            assert_eq!(shown(name, &value), expected);
        }
    }
}
