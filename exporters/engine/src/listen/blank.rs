//! Settings where a blank value means the same as none.

use serde::de::{self, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// A value, or `None` if it is blank.
pub(super) fn unless_blank<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    // An error made by `D` here would point at the key; a custom one points at the value.
    let word = |text: String| T::deserialize(IntoDeserializer::<de::value::Error>::into_deserializer(text));
    text.map(word).transpose().map_err(de::Error::custom)
}
