//! Decodes cells in PostgreSQL's binary format.

use std::error::Error;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use engine::{CellError, Value};
use pgclient::ROW_TOO_LARGE;
use postgres_types::{FromSql, Kind, Type};
use tokio_postgres::{Error as DriverError, Row};

use crate::text_encoding::TextEncoding;

/// Seconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
const EPOCH_SECONDS: f64 = 946_684_800.0;
const DAY_SECONDS: f64 = 86_400.0;
/// What `extract(epoch FROM interval)` takes for a year and a month.
const YEAR_SECONDS: f64 = 365.25 * DAY_SECONDS;
const MONTH_SECONDS: f64 = 30.0 * DAY_SECONDS;

/// One cell of a row. An unreadable cell is an invalid value and does not affect other cells.
pub(crate) fn cell(row: &Row, at: usize, encoding: TextEncoding) -> Value<'_> {
    match raw(row, at) {
        Ok(None) => Value::Null,
        Ok(Some(raw)) => read(row.columns()[at].type_(), raw, encoding).unwrap_or(UNREADABLE),
        Err(_) => UNREADABLE,
    }
}

/// Whether this stands for a row that was too large to be received.
pub(crate) fn is_too_large(row: &Row) -> bool {
    !row.is_empty() && raw(row, 0).is_ok_and(|raw| raw == Some(ROW_TOO_LARGE))
}

/// The text of a cell that has one.
///
/// # Errors
/// If there is no such cell.
pub(crate) fn text_of(row: &Row, at: usize, encoding: TextEncoding) -> Result<Option<String>, DriverError> {
    Ok(raw(row, at)?.map(|raw| encoding.decode(raw).into_owned()))
}

/// The bytes of a cell; `None` is NULL.
pub(crate) fn raw(row: &Row, at: usize) -> Result<Option<&[u8]>, DriverError> {
    Ok(row.try_get::<_, Option<Raw<'_>>>(at)?.map(|raw| raw.0))
}

const UNREADABLE: Value<'static> = Value::Invalid(CellError::Unreadable);

/// The bytes of a value of any type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `None` if the bytes do not match the type, or the type is not supported.
pub(crate) fn read<'a>(ty: &Type, raw: &'a [u8], encoding: TextEncoding) -> Option<Value<'a>> {
    let text = |raw: &'a [u8]| Value::Text(encoding.decode(raw));
    match ty.kind() {
        Kind::Domain(inner) => return read(inner, raw, encoding),
        Kind::Enum(_) => return Some(text(raw)),
        Kind::Array(item) => return array(ty, item, raw, encoding),
        _ => {}
    }
    Some(match *ty {
        Type::BOOL => Value::Bool(raw.first()? != &0),
        Type::INT2 => Value::Int(i16::from_be_bytes(raw.try_into().ok()?).into()),
        Type::INT4 => Value::Int(i32::from_be_bytes(raw.try_into().ok()?).into()),
        Type::INT8 => Value::Int(i64::from_be_bytes(raw.try_into().ok()?)),
        Type::OID
        | Type::XID
        | Type::CID
        | Type::REGCLASS
        | Type::REGTYPE
        | Type::REGPROC
        | Type::REGPROCEDURE
        | Type::REGROLE
        | Type::REGNAMESPACE => Value::Int(u32::from_be_bytes(raw.try_into().ok()?).into()),
        Type::XID8 | Type::PG_LSN => unsigned(u64::from_be_bytes(raw.try_into().ok()?)),
        Type::FLOAT4 => Value::Float(f32::from_be_bytes(raw.try_into().ok()?).into()),
        Type::FLOAT8 => Value::Float(f64::from_be_bytes(raw.try_into().ok()?)),
        Type::NUMERIC => numeric(raw)?,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => timestamp(i64::from_be_bytes(raw.try_into().ok()?)),
        Type::DATE => date(i32::from_be_bytes(raw.try_into().ok()?)),
        Type::INTERVAL => interval(raw)?,
        Type::TIME => Value::Float(i64::from_be_bytes(raw.try_into().ok()?) as f64 / 1e6),
        Type::INET | Type::CIDR => address(raw)?,
        Type::UUID => uuid(raw)?,
        // The first byte of jsonb is its version.
        Type::JSONB => text(raw.get(1..)?),
        Type::CHAR => text(raw.split(|byte| *byte == 0).next()?),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::XML => text(raw),
        _ => return None,
    })
}

fn unsigned(value: u64) -> Value<'static> {
    i64::try_from(value).map_or(Value::Float(value as f64), Value::Int)
}

fn timestamp(microseconds: i64) -> Value<'static> {
    Value::Float(match microseconds {
        i64::MAX => f64::INFINITY,
        i64::MIN => f64::NEG_INFINITY,
        // Seconds and fraction are converted separately, so that no digit is lost.
        _ => {
            (microseconds.div_euclid(1_000_000) as f64 + EPOCH_SECONDS)
                + microseconds.rem_euclid(1_000_000) as f64 / 1e6
        }
    })
}

fn date(days: i32) -> Value<'static> {
    Value::Float(match days {
        i32::MAX => f64::INFINITY,
        i32::MIN => f64::NEG_INFINITY,
        days => f64::from(days) * DAY_SECONDS + EPOCH_SECONDS,
    })
}

fn interval(raw: &[u8]) -> Option<Value<'static>> {
    let microseconds = i64::from_be_bytes(raw.get(..8)?.try_into().ok()?);
    let days = i32::from_be_bytes(raw.get(8..12)?.try_into().ok()?);
    let months = i32::from_be_bytes(raw.get(12..16)?.try_into().ok()?);
    Some(Value::Float(match (microseconds, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => f64::INFINITY,
        (i64::MIN, i32::MIN, i32::MIN) => f64::NEG_INFINITY,
        _ => {
            let calendar = f64::from(months / 12) * YEAR_SECONDS + f64::from(months % 12) * MONTH_SECONDS;
            calendar + f64::from(days) * DAY_SECONDS + microseconds as f64 / 1e6
        }
    }))
}

/// Sign, weight and groups of four decimal digits, the first of them worth 10000^weight.
fn numeric(raw: &[u8]) -> Option<Value<'static>> {
    let word = |at: usize| Some(u16::from_be_bytes(raw.get(at..at + 2)?.try_into().ok()?));
    let count = usize::from(word(0)?);
    let weight = i32::from(i16::from_be_bytes(raw.get(2..4)?.try_into().ok()?));
    let negative = match word(4)? {
        0x0000 => false,
        0x4000 => true,
        0xC000 => return Some(Value::Float(f64::NAN)),
        0xD000 => return Some(Value::Float(f64::INFINITY)),
        0xF000 => return Some(Value::Float(f64::NEG_INFINITY)),
        _ => return None,
    };
    let mut text = String::with_capacity(4 * count + 16);
    text.push_str(if negative { "-" } else { "" });
    for at in 0..count {
        let group = word(8 + 2 * at).filter(|group| *group < 10_000)?;
        text.extend([1000, 100, 10, 1].map(|unit| char::from(b'0' + (group / unit % 10) as u8)));
    }
    // The decimal point is after `weight + 1` groups.
    let exponent = 4 * (weight + 1 - i32::try_from(count).ok()?);
    if (0..=8).contains(&exponent) {
        let digits = text.len();
        text.extend(std::iter::repeat_n('0', exponent as usize));
        if let Ok(value) = text.parse() {
            return Some(Value::Int(value));
        }
        text.truncate(digits);
    }
    if count == 0 {
        return Some(Value::Int(0));
    }
    // As an exponent, the standard parser rounds correctly. Writing to a string does not fail.
    write!(text, "e{exponent}").ok()?;
    text.parse().ok().map(Value::Float)
}

/// Family, prefix length, is-cidr, length, address.
fn address(raw: &[u8]) -> Option<Value<'static>> {
    let (head, bytes) = raw.split_at_checked(4)?;
    let (address, full) = match bytes.len() {
        4 => (Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string(), 32),
        16 => (Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(), 128),
        _ => return None,
    };
    let (bits, is_cidr) = (head[1], head[2] != 0);
    let text = if bits == full && !is_cidr { address } else { format!("{address}/{bits}") };
    Some(Value::Text(text.into()))
}

fn uuid(raw: &[u8]) -> Option<Value<'static>> {
    let hex: String = <[u8; 16]>::try_from(raw).ok()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Some(Value::Text(parts.join("-").into()))
}

/// An array in PostgreSQL's notation, `{a,b}`, for use as a label.
fn array<'a>(ty: &Type, item: &Type, raw: &'a [u8], encoding: TextEncoding) -> Option<Value<'a>> {
    if claimed_elements(raw)? > raw.len() / 4 {
        return None;
    }
    let items = Vec::<Option<Raw<'a>>>::from_sql(ty, raw).ok()?;
    let mut texts = Vec::with_capacity(items.len());
    for raw in items {
        let value = match raw {
            Some(Raw(raw)) => read(item, raw, encoding)?,
            None => Value::Null,
        };
        texts.push(match value {
            Value::Null => "NULL".to_owned(),
            Value::Bool(value) => if value { "t" } else { "f" }.to_owned(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Text(text) => quoted(&text),
            invalid @ Value::Invalid(_) => return Some(invalid),
        });
    }
    Some(Value::Text(format!("{{{}}}", texts.join(",")).into()))
}

/// How many elements the dimensions of an array claim. Each takes four bytes or more; the driver allocates for the claim.
fn claimed_elements(raw: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_be_bytes(raw.get(at..at + 4)?.try_into().ok()?) as usize);
    // Number of dimensions, flags and type come before; each dimension has a length and a lower bound.
    (0..word(0)?).try_fold(1_usize, |count, dimension| count.checked_mul(word(12 + 8 * dimension)?))
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\'));
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_arrays_no_longer_than_their_bytes() {
        let array = |length: u32, dimensions: u32| {
            let head = [dimensions, 0, 23, length, 1].map(u32::to_be_bytes).concat();
            [head, [4_u32, 7].map(u32::to_be_bytes).concat()].concat()
        };
        assert_eq!(read(&Type::INT4_ARRAY, &array(1, 1), TextEncoding::Utf8), Some(Value::Text("{7}".into())));
        // The driver would allocate 96 GB for it.
        assert_eq!(read(&Type::INT4_ARRAY, &array(u32::MAX >> 1, 1), TextEncoding::Utf8), None);
        assert_eq!(read(&Type::INT4_ARRAY, &array(1, u32::MAX), TextEncoding::Utf8), None);
        assert_eq!(read(&Type::INT4_ARRAY, &array(1, 0)[..12], TextEncoding::Utf8), Some(Value::Text("{}".into())));
    }
}
