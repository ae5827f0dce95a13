//! The known members of a document and their types. A member of another type
//! becomes null, so that filters can rely on types.

use std::sync::Arc;

use jaq_json::Val;

use crate::json::string;

/// The type of a value.
#[derive(Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// A number.
    Number,
    /// A boolean.
    Flag,
    /// An object with any members.
    Members,
    /// An object; its other members stay as they are.
    Object(&'static [(&'static str, Shape)]),
    /// An array with any elements.
    Items,
    /// An array; elements of another type are left out.
    List(&'static Shape),
}

use Shape::{Flag, Items, List, Members, Number, Object, Text};

impl Shape {
    /// The value with null in place of what has another type.
    pub fn fit(&self, value: Val) -> Val {
        match (self, value) {
            (Text, value @ Val::TStr(_))
            | (Number, value @ Val::Num(_))
            | (Flag, value @ Val::Bool(_))
            | (Members, value @ Val::Obj(_))
            | (Items, value @ Val::Arr(_)) => value,
            (Object(members), Val::Obj(mut object)) => {
                let map = Arc::make_mut(&mut object);
                for (name, shape) in *members {
                    if let Some(member) = map.get_mut(&string(name)) {
                        *member = shape.fit(std::mem::take(member));
                    }
                }
                Val::Obj(object)
            }
            (List(shape), Val::Arr(elements)) => {
                let elements = Arc::unwrap_or_clone(elements).into_iter().map(|element| shape.fit(element));
                elements.filter(|element| *element != Val::Null).collect()
            }
            _ => Val::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_types_become_null() {
        const PERSON: Shape =
            Object(&[("name", Text), ("ages", List(&Number)), ("tags", Members), ("lines", List(&Items))]);
        let text = r#"{"name":1,"ages":[1,"x",2],"tags":[],"lines":[[1],2],"other":[1]}"#;
        let expected = r#"{"name":null,"ages":[1,2],"tags":null,"lines":[[1]],"other":[1]}"#;
        assert_eq!(PERSON.fit(serde_json::from_str(text).unwrap()).to_string(), expected);
        assert_eq!(PERSON.fit(Val::from(1.5)), Val::Null);
    }
}
