//! WAL positions from LSNs and segment names.

/// The default of initdb: 16 MiB.
const DEFAULT_SEGMENT_BYTES: u64 = 16 << 20;

/// `1A/2B000028` as bytes.
pub(crate) fn lsn_bytes(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some((u64::from(u32::from_str_radix(high, 16).ok()?) << 32) | u64::from(u32::from_str_radix(low, 16).ok()?))
}

/// The start of a segment. Its name is the timeline, the upper half of the position, and the segment's number in it.
pub(crate) fn segment_position(name: &str, segment_bytes: u64) -> Option<u64> {
    let part = |range| u32::from_str_radix(name.get(range)?, 16).ok();
    let within_4_gib = u64::from(part(16..24)?).saturating_mul(segment_bytes);
    Some((u64::from(part(8..16)?) << 32).saturating_add(within_4_gib))
}

/// The timeline of a segment.
pub(crate) fn timeline(name: &str) -> Option<u64> {
    u32::from_str_radix(name.get(..8)?, 16).ok().map(u64::from)
}

/// The size of a segment. pgBackRest does not report it, but it follows from backups: it is the power of two for which their
/// start positions are in their start segments; 16 MiB if that matches.
pub(crate) fn segment_bytes<'a>(starts: impl Iterator<Item = (u64, &'a str)>) -> u64 {
    let starts: Vec<(u64, &str)> = starts.collect();
    let matches = |size: &u64| starts.iter().all(|(lsn, name)| segment_position(name, *size) == Some(lsn - lsn % size));
    let sizes = (20..=30).map(|power| 1 << power);
    std::iter::once(DEFAULT_SEGMENT_BYTES).chain(sizes).find(matches).unwrap_or(DEFAULT_SEGMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_positions_to_bytes() {
        assert_eq!(lsn_bytes("1A/2B000028"), Some((0x1A << 32) + 0x2B00_0028));
        assert_eq!(segment_position("000000020000001A0000002B", 16 << 20), Some((0x1A << 32) + 0x2B00_0000));
        for bad in ["", "/", "x/1", "1/100000000", "1"] {
            assert_eq!(lsn_bytes(bad), None, "{bad}");
        }
        assert_eq!(segment_position(&"F".repeat(24), 1 << 30), Some(u64::MAX));
        assert_eq!(timeline("0000000A0000001A0000002B"), Some(10));
        for bad in ["", "0000000100000000000000", "0000000100000000ü0000005"] {
            assert_eq!(segment_position(bad, 16 << 20), None, "{bad}");
        }
    }

    #[test]
    fn derives_segment_size_from_backups() {
        let of = |lsn: &str, name: &str| segment_bytes([(lsn_bytes(lsn).unwrap(), name)].into_iter());
        assert_eq!(of("0/5000028", "000000010000000000000005"), 16 << 20);
        assert_eq!(of("0/5000028", "000000010000000000000001"), 64 << 20);
        assert_eq!(of("0/5000028", "000000010000000000000050"), 1 << 20);
        assert_eq!(segment_bytes(std::iter::empty()), 16 << 20);
        assert_eq!(of("0/5000028", "garbage"), 16 << 20);
    }
}
