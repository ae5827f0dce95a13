//! Collectors that would give the same metrics at the same time.

use engine::Position;

use crate::collector::{CollectorDraft, ServerVersions};
use crate::report::ImportReport;

/// Skips each collector whose metrics an earlier one gives in the same database.
pub(crate) fn skip_doubles(collectors: &mut [CollectorDraft], report: &mut ImportReport) {
    for at in 0..collectors.len() {
        let (earlier, rest) = collectors.split_at_mut(at);
        let Some(collector) = rest.first_mut() else { continue };
        let Some(other) = earlier.iter().find(|other| !other.skip && give_the_same(other, collector)) else { continue };
        let text =
            format!("{}: {} has the same metrics: written with skip: true, choose one", collector.key, other.key);
        report.changed(Position::default(), text);
        collector.skip = true;
    }
}

fn give_the_same(one: &CollectorDraft, other: &CollectorDraft) -> bool {
    one.prefix == other.prefix
        && overlap(one.versions, other.versions)
        && !exclude(one, other)
        && one.metrics().any(|metric| other.metrics().any(|found| found == metric))
}

fn overlap(one: ServerVersions, other: ServerVersions) -> bool {
    let begins_before_end =
        |a: ServerVersions, b: ServerVersions| !matches!((a.min, b.max), (Some(min), Some(max)) if min >= max);
    begins_before_end(one, other) && begins_before_end(other, one)
}

/// Whether tags of both never hold together.
fn exclude(one: &CollectorDraft, other: &CollectorDraft) -> bool {
    let database = |collector: &CollectorDraft| collector.tags.iter().find(|tag| tag.starts_with("dbname:")).cloned();
    let role = |collector: &CollectorDraft| {
        collector.tags.iter().find(|tag| matches!(tag.as_str(), "primary" | "standby")).cloned()
    };
    let differ = |one: Option<String>, other: Option<String>| matches!((one, other), (Some(a), Some(b)) if a != b);
    differ(database(one), database(other)) || differ(role(one), role(other))
}
