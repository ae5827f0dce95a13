//! Ranges of versions as `runonserver` writes them: `>=13.0.0 <16.0.0 || >=17.0.0`.

use crate::collector::ServerVersions;

/// The ranges that the text names, of which any may hold.
///
/// # Errors
/// What cannot be written as ranges that do not overlap.
pub(crate) fn ranges(text: &str) -> Result<Vec<ServerVersions>, String> {
    let mut ranges = text.split("||").map(range).collect::<Result<Vec<_>, _>>()?;
    ranges.sort_by_key(|range| range.min.unwrap_or(0));
    let overlaps = |pair: &[ServerVersions]| pair[0].max.is_none_or(|max| pair[1].min.is_none_or(|min| min < max));
    if ranges.windows(2).any(overlaps) {
        return Err("its ranges overlap".to_owned());
    }
    Ok(ranges)
}

/// Comparisons that all hold.
fn range(text: &str) -> Result<ServerVersions, String> {
    let mut range = ServerVersions::default();
    let raise = |bound: Option<u32>, to: u32| Some(bound.map_or(to, |bound| bound.max(to)));
    let lower = |bound: Option<u32>, to: u32| Some(bound.map_or(to, |bound| bound.min(to)));
    let (mut rest, mut found) = (text.trim_start(), false);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (operator, version) = rest.split_at(digits);
        let end = version.find(char::is_whitespace).unwrap_or(version.len());
        let number = number(&version[..end]).ok_or_else(|| format!("{text}: expected a range such as >=14.0.0"))?;
        match operator.trim() {
            ">=" => range.min = raise(range.min, number),
            ">" => range.min = raise(range.min, number + 1),
            "<" => range.max = lower(range.max, number),
            "<=" => range.max = lower(range.max, number + 1),
            "" | "=" | "==" => (range.min, range.max) = (raise(range.min, number), lower(range.max, number + 1)),
            operator => return Err(format!("{text}: {operator} is no range")),
        }
        (rest, found) = (version[end..].trim_start(), true);
    }
    if !found {
        return Err("expected a range such as >=14.0.0".to_owned());
    }
    match (range.min, range.max) {
        (Some(min), Some(max)) if min >= max => Err(format!("{text}: no version is in this range")),
        _ => Ok(range),
    }
}

/// 14.2 and 14.2.0 as 140002, 9.6.3 as 90603.
fn number(text: &str) -> Option<u32> {
    let parts = text.split('.').map(str::parse::<u32>).collect::<Result<Vec<_>, _>>().ok()?;
    let part = |at: usize| parts.get(at).copied().unwrap_or(0);
    if parts.len() > 3 || parts.iter().any(|part| *part > 99) {
        return None;
    }
    // Before PostgreSQL 10, a major version has two parts.
    let rest = if part(0) >= 10 { part(1) } else { part(1) * 100 + part(2) };
    Some(part(0) * 10_000 + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let range = |ServerVersions { min, max }: &ServerVersions| {
            let bound = |bound: &Option<u32>| bound.map_or(String::new(), |bound| bound.to_string());
            format!("{}-{}", bound(min), bound(max))
        };
        ranges(text).map_or_else(|error| error, |ranges| ranges.iter().map(range).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn reads_ranges_of_semantic_versions() {
        for (text, expected) in [
            (">=14.0.0", "140000-"),
            (">= 9.6.3 <13", "90603-130000"),
            (">12.0.0 <=14.1.0", "120001-140002"),
            ("15.2.0", "150002-150003"),
            (">=17.0.0 || <13.0.0", "-130000 170000-"),
            (">=10 || >=12", "its ranges overlap"),
            ("!=14.0.0", "!=14.0.0: != is no range"),
            (">=15 <14", ">=15 <14: no version is in this range"),
            ("new", "new: expected a range such as >=14.0.0"),
            ("", "expected a range such as >=14.0.0"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
