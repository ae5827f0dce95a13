//! Access to JSON values of jq.

use jaq_json::{Num, Val};

/// The elements of an array; none for any other value.
pub fn elements(value: &Val) -> &[Val] {
    match value {
        Val::Arr(elements) => elements,
        _ => &[],
    }
}

/// A member of an object.
pub fn member<'a>(value: &'a Val, name: &str) -> Option<&'a Val> {
    match value {
        Val::Obj(object) => object.get(&string(name)),
        _ => None,
    }
}

/// A member that is a string.
pub fn text(value: &Val, name: &str) -> Option<String> {
    match member(value, name)? {
        Val::TStr(bytes) => String::from_utf8(bytes.to_vec()).ok(),
        _ => None,
    }
}

/// A member that is an integer of 64 bits without a sign; 0 for any other value.
pub fn number(value: &Val, name: &str) -> u64 {
    let number = member(value, name).filter(|number| matches!(number, Val::Num(_)));
    number.and_then(|number| number.to_string().parse().ok()).unwrap_or_default()
}

/// A string.
pub fn string(text: &str) -> Val {
    Val::utf8_str(text.as_bytes().to_vec())
}

/// An integer.
pub fn int(value: u64) -> Val {
    Val::Num(Num::from_integral(value))
}

/// An object with these members.
pub fn object<const N: usize>(members: [(&str, Val); N]) -> Val {
    Val::obj(members.into_iter().map(|(name, value)| (string(name), value)).collect())
}

/// The object with these members added or replaced.
pub fn with<const N: usize>(value: &Val, members: [(&str, Val); N]) -> Val {
    let mut map = match value {
        Val::Obj(map) => (**map).clone(),
        _ => Default::default(),
    };
    map.extend(members.into_iter().map(|(name, value)| (string(name), value)));
    Val::obj(map)
}
