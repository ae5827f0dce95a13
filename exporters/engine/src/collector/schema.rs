//! The JSON Schema of collector files, for editors.

use serde_json::{Map, Value, json};

use super::ask::ASKS;
use super::key::{Item, Key, KeyMap, KeyType, TIERS};
use super::keys::{COLLECTOR, COLUMN};

/// A number as a text, as files of pg_exporter have them.
const NUMBER: &str = r"^\s*[+-]?([0-9_]+\.?[0-9_]*|\.[0-9_]+)([eE][+-]?[0-9]+)?\s*$";
const SECONDS: &str = r"^\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$";
const COUNT: &str = r"^\s*[0-9_]*[1-9][0-9_]*\s*$";
const VERSION: &str = r"^\s*[0-9]+(\.[0-9]+){0,2}\s*$";

/// The schema as JSON text.
///
/// # Errors
/// JSON that cannot be written, which does not happen with such plain data.
pub(crate) fn json_schema() -> Result<String, serde_json::Error> {
    let mut branch = object(&COLLECTOR);
    branch["oneOf"] = ASKS.iter().map(|ask| json!({ "required": [ask] })).collect();
    let no_expression = json!({ "additionalProperties": { "not": { "required": ["expr"] } } });
    branch["if"] = json!({ "required": ["query"] });
    branch["then"] = json!({ "properties": { "metrics": { "items": no_expression } } });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Collector file",
        "description": "A map from branch to collector. Generated: make bless.",
        "type": ["object", "null"],
        "additionalProperties": branch,
        "$defs": { "column": column() },
    });
    serde_json::to_string_pretty(&schema).map(|text| text + "\n")
}

fn object(map: &KeyMap) -> Value {
    let properties: Map<String, Value> = map.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = map.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut schema = of_type(&key.kind);
    // A key without a value is as good as absent.
    if !key.required {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    schema["description"] = key.about.into();
    // Examples are YAML: those that are no plain text would show as one.
    if matches!(key.kind, KeyType::Text | KeyType::Query | KeyType::Word(..)) {
        schema["examples"] = json!([key.example]);
    }
    schema
}

fn of_type(kind: &KeyType) -> Value {
    let number_or =
        |pattern: &str| json!({ "anyOf": [{ "type": "number" }, { "type": "string", "pattern": pattern }] });
    match kind {
        KeyType::Text => json!({ "type": ["string", "number", "boolean"] }),
        KeyType::Query => json!({ "type": "string", "pattern": "\\S" }),
        KeyType::Number => number_or(NUMBER),
        KeyType::Count => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": COUNT }] })
        }
        // In YAML 1.2, which editors read, the last four are texts.
        KeyType::Bool => json!({ "enum": [true, false, "true", "false", "yes", "no", "on", "off"] }),
        KeyType::Period => json!({ "anyOf": [
            { "type": "number", "minimum": 0 }, { "enum": TIERS }, { "type": "string", "pattern": SECONDS },
        ] }),
        KeyType::Version => {
            json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": VERSION }] })
        }
        KeyType::Word(words, false) => json!({ "enum": words }),
        // Editors offer the words; the pattern takes them in any case.
        KeyType::Word(words, true) => {
            json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": any_case(words) }] })
        }
        KeyType::Map(map) => object(map),
        KeyType::Match => json!({ "anyOf": [of_type(&KeyType::Text), of_type(&KeyType::List(Item::Text))] }),
        KeyType::List(Item::Text) => json!({ "type": "array", "items": of_type(&KeyType::Text) }),
        KeyType::List(Item::Number) => json!({ "type": "array", "items": of_type(&KeyType::Number) }),
        KeyType::List(Item::Map(map)) => json!({ "type": "array", "items": object(map) }),
        KeyType::List(Item::Column) => json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/column" } }),
    }
}

/// A map of one key to a column; what of its keys belongs together.
fn column() -> Value {
    let mut body = object(&COLUMN);
    let of_usage = |usage: &str| json!({ "properties": { "usage": { "pattern": any_case(&[usage]) } } });
    body["allOf"] = json!([
        { "if": of_usage("HISTOGRAM"), "then": { "required": ["bucket"] }, "else": { "properties": { "bucket": { "maxItems": 0 } } } },
        { "if": { "required": ["redact"] }, "then": of_usage("LABEL") },
        { "if": { "required": ["other"] }, "then": { "anyOf": [
            of_usage("GAUGE"),
            { "allOf": [of_usage("COUNTER"), { "properties": { "other": { "enum": ["sum", "none"] } } }] },
        ] } },
    ]);
    json!({ "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": body })
}

/// A pattern for exactly these words in upper, lower or mixed case.
fn any_case(words: &[&str]) -> String {
    let letter = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let words: Vec<String> = words.iter().map(|word| word.chars().map(letter).collect()).collect();
    format!("^({})$", words.join("|"))
}

#[cfg(test)]
mod tests;
