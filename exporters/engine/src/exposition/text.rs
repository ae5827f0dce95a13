//! What both formats write alike: labels, numbers, samples.

use crate::rows::float_text;

/// A number of a sample; whole numbers stay whole, so that those above 2^53 keep every digit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

/// No number has more characters.
const LONGEST_NUMBER: usize = 24;

/// Appends a number as both formats write it.
pub(super) fn write_number(out: &mut Vec<u8>, number: Number) {
    match number {
        Number::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        Number::Float(value) => out.extend_from_slice(float_text(value, &mut zmij::Buffer::new()).as_bytes()),
    }
}

/// Appends `name="value"`, with a comma before it unless it is the first after `{`.
pub(crate) fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(match rest[at] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Closes what [`write_label`] opened.
pub(crate) fn close_labels(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b'}');
    }
}

/// Appends one sample; `labels` is empty or a closed label set.
pub(super) fn write_sample(out: &mut Vec<u8>, name: &str, labels: &[u8], number: Number) {
    out.reserve(name.len() + labels.len() + LONGEST_NUMBER + 2);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(labels);
    out.push(b' ');
    write_number(out, number);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: Number) -> String {
        let mut out = Vec::new();
        write_number(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_numbers_exactly_and_briefly() {
        assert_eq!(number(Number::Int(9_007_199_254_740_993)), "9007199254740993");
        assert_eq!(number(Number::Float(1.0)), "1");
        assert_eq!(number(Number::Float(0.1)), "0.1");
        assert_eq!(number(Number::Float(f64::NAN)), "NaN");
        assert_eq!(number(Number::Float(f64::NEG_INFINITY)), "-Inf");
    }

    #[test]
    fn escapes_labels() {
        let mut out = Vec::new();
        write_label(&mut out, "a", "q\"b\\n\nl");
        write_label(&mut out, "b", "");
        close_labels(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "{a=\"q\\\"b\\\\n\\nl\",b=\"\"}");
    }
}
