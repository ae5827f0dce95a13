//! How the text of a session arrives, and how it is read so that one invalid byte costs no more than its own text.
//!
//! A server converts text to the client's encoding and fails the whole query at the first byte that it cannot convert. Names
//! of databases and roles, and what other sessions run, are seen from every database and may be in any encoding. So nothing
//! is converted on the server: a session receives the bytes of its database and reads them here.

use std::borrow::Cow;
use std::fmt::Write;

use encoding_rs::Encoding;
use pgclient::Connection;

/// The encoding in which the text of a session arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextEncoding {
    /// UTF-8. In a database with encoding SQL_ASCII it may be any bytes.
    Utf8,
    /// ISO 8859-1: each byte is the character of that number.
    Latin1,
    /// Any other one.
    Other(&'static Encoding),
}

impl TextEncoding {
    /// The encoding of the connection's database. For the few that cannot be read here the server converts to UTF-8.
    pub(crate) fn of(connection: &Connection) -> Self {
        Self::named(connection.parameter("server_encoding").unwrap_or_default())
    }

    fn named(server_encoding: &str) -> Self {
        Self::Other(match server_encoding {
            "LATIN1" => return Self::Latin1,
            "LATIN2" => encoding_rs::ISO_8859_2,
            "LATIN3" => encoding_rs::ISO_8859_3,
            "LATIN4" => encoding_rs::ISO_8859_4,
            "LATIN5" | "WIN1254" => encoding_rs::WINDOWS_1254,
            "LATIN6" => encoding_rs::ISO_8859_10,
            "LATIN7" => encoding_rs::ISO_8859_13,
            "LATIN8" => encoding_rs::ISO_8859_14,
            "LATIN9" => encoding_rs::ISO_8859_15,
            "LATIN10" => encoding_rs::ISO_8859_16,
            "ISO_8859_5" => encoding_rs::ISO_8859_5,
            "ISO_8859_6" => encoding_rs::ISO_8859_6,
            "ISO_8859_7" => encoding_rs::ISO_8859_7,
            "ISO_8859_8" => encoding_rs::ISO_8859_8,
            "WIN866" => encoding_rs::IBM866,
            "WIN874" => encoding_rs::WINDOWS_874,
            "WIN1250" => encoding_rs::WINDOWS_1250,
            "WIN1251" => encoding_rs::WINDOWS_1251,
            "WIN1252" => encoding_rs::WINDOWS_1252,
            "WIN1253" => encoding_rs::WINDOWS_1253,
            "WIN1255" => encoding_rs::WINDOWS_1255,
            "WIN1256" => encoding_rs::WINDOWS_1256,
            "WIN1257" => encoding_rs::WINDOWS_1257,
            "WIN1258" => encoding_rs::WINDOWS_1258,
            "KOI8R" => encoding_rs::KOI8_R,
            "KOI8U" => encoding_rs::KOI8_U,
            "EUC_JP" => encoding_rs::EUC_JP,
            "EUC_KR" => encoding_rs::EUC_KR,
            "EUC_CN" => encoding_rs::GBK,
            _ => return Self::Utf8,
        })
    }

    /// Whether the server must be told not to convert, and told to convert for what is sent in UTF-8.
    pub(crate) fn is_converted_here(self) -> bool {
        self != Self::Utf8
    }

    /// The text; each byte that is invalid is shown as U+FFFD and its two hexadecimal digits, so that texts which differ stay
    /// different.
    pub(crate) fn decode(self, raw: &[u8]) -> Cow<'_, str> {
        if raw.is_ascii() {
            return utf8(raw);
        }
        match self {
            Self::Utf8 => utf8(raw),
            Self::Latin1 => raw.iter().map(|byte| char::from(*byte)).collect(),
            Self::Other(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(raw)
                .unwrap_or_else(|| raw.iter().map(|byte| shown(*byte)).collect::<String>().into()),
        }
    }
}

/// UTF-8 with each invalid byte shown.
pub(crate) fn utf8(raw: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(raw) {
        return text.into();
    }
    let mut text = String::with_capacity(raw.len() + 8);
    for chunk in raw.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| shown(*byte)));
    }
    text.into()
}

/// A byte of an invalid text.
fn shown(byte: u8) -> String {
    let mut shown = String::new();
    if byte.is_ascii() {
        shown.push(char::from(byte));
    } else {
        // Writing to a string does not fail.
        write!(shown, "{}{byte:02x}", char::REPLACEMENT_CHARACTER).ok();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_are_shown_and_kept_apart() {
        let [utf8, latin1, euc_jp] = ["UTF8", "LATIN1", "EUC_JP"].map(TextEncoding::named);
        assert_eq!(TextEncoding::named("SQL_ASCII"), TextEncoding::Utf8);
        for (encoding, raw, text) in [
            (utf8, &b"plain"[..], "plain"),
            (utf8, "caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (utf8, b"caf\xe9", "caf\u{fffd}e9"),
            (utf8, b"caf\xe8", "caf\u{fffd}e8"),
            (utf8, b"\xfe\xffx\xe3\x81", "\u{fffd}fe\u{fffd}ffx\u{fffd}e3\u{fffd}81"),
            (latin1, b"caf\xe9", "caf\u{e9}"),
            (latin1, b"\x80", "\u{80}"),
            (euc_jp, b"\xa5\xab\xa5\xd5\xa5\xa7", "\u{30ab}\u{30d5}\u{30a7}"),
            (euc_jp, b"a\xffb", "a\u{fffd}ffb"),
        ] {
            assert_eq!(encoding.decode(raw), text, "{encoding:?} {raw:?}");
        }
    }
}
