//! Numbers with a unit that suits their size.

use std::time::Duration;

/// A duration in a suitable unit.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        ..0.01 => format!("{:.1} ms", seconds * 1e3),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        ..10.0 => format!("{seconds:.1} s"),
        ..180.0 => format!("{seconds:.0} s"),
        ..10_800.0 => format!("{:.0} min", seconds / 60.0),
        ..259_200.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// A number with thousands separators.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A narrow space that no line ends at.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A size in a suitable unit.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_a_unit_by_size() {
        let seconds = [0.0004, 0.0412, 0.5, 2.04, 59.4, 200.0, 11_000.0, 864_000.0];
        let expected = ["0.4 ms", "41 ms", "500 ms", "2.0 s", "59 s", "3 min", "3 h", "10 days"];
        assert_eq!(seconds.map(|seconds| duration(Duration::from_secs_f64(seconds))), expected);
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([0, 999, 412_345, 1_250_000].map(bytes), ["0 bytes", "999 bytes", "412 kB", "1.2 MB"]);
    }
}
