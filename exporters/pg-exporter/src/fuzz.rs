//! A check for the target in `fuzz/`: any bytes that a server sends as a value are read without a panic.

use engine::Value;
use postgres_types::{FromSql, Type};

use crate::decode::read;
use crate::text_encoding::TextEncoding;

/// Types that are read, as the first byte of the input chooses.
const TYPES: [Type; 40] = [
    Type::BOOL,
    Type::INT2,
    Type::INT4,
    Type::INT8,
    Type::OID,
    Type::XID,
    Type::CID,
    Type::REGCLASS,
    Type::XID8,
    Type::PG_LSN,
    Type::FLOAT4,
    Type::FLOAT8,
    Type::NUMERIC,
    Type::TIMESTAMP,
    Type::TIMESTAMPTZ,
    Type::DATE,
    Type::INTERVAL,
    Type::TIME,
    Type::INET,
    Type::CIDR,
    Type::UUID,
    Type::JSONB,
    Type::CHAR,
    Type::TEXT,
    Type::VARCHAR,
    Type::NAME,
    Type::JSON,
    Type::XML,
    Type::BYTEA,
    Type::MACADDR,
    Type::BOOL_ARRAY,
    Type::INT4_ARRAY,
    Type::INT8_ARRAY,
    Type::FLOAT8_ARRAY,
    Type::NUMERIC_ARRAY,
    Type::TEXT_ARRAY,
    Type::NAME_ARRAY,
    Type::INET_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::JSONB_ARRAY,
];

/// The value of a type is what the driver reads, where that knows the type; a value costs memory in proportion.
pub(crate) fn wire_value(input: &[u8]) {
    let Some((first, raw)) = input.split_first() else { return };
    let ty = &TYPES[usize::from(*first) % TYPES.len()];
    let value = read(ty, raw, TextEncoding::Utf8);
    if let Some(Value::Text(text)) = &value {
        assert!(text.len() <= 64 + 512 * raw.len(), "{ty}: {text}");
    }
    match *ty {
        Type::INT2 => assert_eq!(value, driver::<i16>(ty, raw).map(|number| Value::Int(number.into()))),
        Type::INT4 => assert_eq!(value, driver::<i32>(ty, raw).map(|number| Value::Int(number.into()))),
        Type::INT8 => assert_eq!(value, driver::<i64>(ty, raw).map(Value::Int)),
        Type::OID => assert_eq!(value, driver::<u32>(ty, raw).map(|number| Value::Int(number.into()))),
        Type::TEXT | Type::VARCHAR | Type::NAME => {
            let Some(Value::Text(text)) = &value else { unreachable!("text is always read") };
            if let Some(valid) = driver::<&str>(ty, raw) {
                assert_eq!(text, valid);
            }
        }
        _ => {}
    }
}

fn driver<'a, T: FromSql<'a>>(ty: &Type, raw: &'a [u8]) -> Option<T> {
    T::from_sql(ty, raw).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_server() {
        replay::replay("wire_value", 20_000, wire_value);
    }
}
