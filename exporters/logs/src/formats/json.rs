//! A line of PostgreSQL's jsonlog, or of Patroni's log of type `json`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::line::{Field, Line};

/// Parses one line; `None` if it is not one object.
pub fn parse(text: &str) -> Option<Line<'_>> {
    serde_json::from_str::<Object>(text).ok().map(|object| object.0)
}

/// The field that a key stands for; keys that no collector needs have none.
fn field(key: &str) -> Option<Field> {
    Some(match key {
        "timestamp" | "asctime" => Field::Timestamp,
        "user" => Field::User,
        "dbname" => Field::Datname,
        "pid" => Field::Pid,
        "remote_host" => Field::RemoteHost,
        "session_id" => Field::SessionId,
        "ps" => Field::Command,
        "error_severity" | "levelname" => Field::Severity,
        "state_code" => Field::Code,
        "message" => Field::Message,
        "detail" => Field::Detail,
        "hint" => Field::Hint,
        "internal_query" => Field::InternalQuery,
        "context" => Field::Context,
        "statement" => Field::Query,
        "application_name" => Field::ApplicationName,
        "backend_type" => Field::BackendType,
        "query_id" => Field::QueryId,
        _ => return None,
    })
}

struct Object<'a>(Line<'a>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut line = Line::default();
        while let Some(Key(field)) = map.next_key()? {
            match field {
                Some(field) => line.set(field, map.next_value::<Text>()?.0),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Object(line))
    }
}

struct Key(Option<Field>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(Key(field(key)))
    }
}

/// A value as text; lists and objects are empty.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed("")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(Cow::Borrowed("")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(Cow::Borrowed("")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_postgresql() {
        let line = parse(concat!(
            r#"{"timestamp":"2026-11-30 18:00:00.000 UTC","user":"app","dbname":"shop","pid":7,"remote_host":"[local]","#,
            r#""error_severity":"ERROR","state_code":"42P01","message":"relation \"a\" does not exist","file_line_num":12,"#,
            r#""statement":"select 1\n from a","backend_type":"client backend","query_id":-12}"#
        ))
        .unwrap();
        assert_eq!(line.get(Field::Datname), Some("shop"));
        assert_eq!(line.get(Field::Pid), Some("7"));
        assert_eq!(line.get(Field::Code), Some("42P01"));
        assert_eq!(line.get(Field::Message), Some("relation \"a\" does not exist"));
        assert_eq!(line.get(Field::Query), Some("select 1\n from a"));
        assert_eq!(line.get(Field::QueryId), Some("-12"));
        assert_eq!(line.get(Field::Detail), None);
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in ["", "1", "[]", "{", r#"{"message":"a"#, r#"{"message":"a"}x"#] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(r#"{"message":[1,{"a":2}],"pid":null,"user":{}}"#), Some(Line::default()));
    }
}
