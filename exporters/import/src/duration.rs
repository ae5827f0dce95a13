//! Durations as Go and Prometheus write them.

/// The seconds of `1m30s`, `500ms` (rounded up) or `1d`.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut milliseconds: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let factor = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        milliseconds = milliseconds.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = &rest[unit_end..];
    }
    Some(milliseconds.div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, expected) in [
            ("30s", Some(30)),
            ("1m30s", Some(90)),
            ("500ms", Some(1)),
            ("0s", Some(0)),
            ("0", Some(0)),
            ("1d", Some(86_400)),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for text in ["", "30", "-1s", "1y", "soon"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
