//! Positions in the WAL: from the text of an LSN, and from the name of a segment.

/// 16 MiB, unless the cluster was made with another size.
const USUAL_SEGMENT_BYTES: u64 = 16 << 20;

/// `1A/2B000028` as bytes.
pub(crate) fn lsn_bytes(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some((u64::from(u32::from_str_radix(high, 16).ok()?) << 32) | u64::from(u32::from_str_radix(low, 16).ok()?))
}

/// Where the segment of that name begins: timeline, upper half of the position, number of the segment in it.
pub(crate) fn segment_position(name: &str, segment_bytes: u64) -> Option<u64> {
    let part = |range| u32::from_str_radix(name.get(range)?, 16).ok();
    Some((u64::from(part(8..16)?) << 32) + u64::from(part(16..24)?) * segment_bytes)
}

/// The size of a segment, which is not told, but can be seen: it is the power of two by which the positions at which
/// backups began give the segments in which they did. 16 MiB, if that fits.
pub(crate) fn segment_bytes(begins: impl Iterator<Item = (u64, String)>) -> u64 {
    let begins: Vec<(u64, String)> = begins.collect();
    let fits = |size: &u64| begins.iter().all(|(lsn, name)| segment_position(name, *size) == Some(lsn - lsn % size));
    let sizes = (20..=30).map(|power| 1 << power);
    std::iter::once(USUAL_SEGMENT_BYTES).chain(sizes).find(fits).unwrap_or(USUAL_SEGMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_bytes() {
        assert_eq!(lsn_bytes("1A/2B000028"), Some((0x1A << 32) + 0x2B00_0028));
        assert_eq!(segment_position("000000020000001A0000002B", 16 << 20), Some((0x1A << 32) + 0x2B00_0000));
        for bad in ["", "/", "x/1", "1/100000000", "1"] {
            assert_eq!(lsn_bytes(bad), None, "{bad}");
        }
        for bad in ["", "0000000100000000000000", "0000000100000000ü0000005"] {
            assert_eq!(segment_position(bad, 16 << 20), None, "{bad}");
        }
    }

    #[test]
    fn the_size_of_segments_is_seen() {
        let of = |lsn: &str, name: &str| segment_bytes([(lsn_bytes(lsn).unwrap(), name.to_owned())].into_iter());
        assert_eq!(of("0/5000028", "000000010000000000000005"), 16 << 20);
        assert_eq!(of("0/5000028", "000000010000000000000001"), 64 << 20);
        assert_eq!(of("0/5000028", "000000010000000000000050"), 1 << 20);
        assert_eq!(segment_bytes(std::iter::empty()), 16 << 20);
        assert_eq!(of("0/5000028", "garbage"), 16 << 20);
    }
}
