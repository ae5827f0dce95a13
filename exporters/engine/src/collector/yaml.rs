//! A YAML text as a tree whose every node knows its position, so that all diagnostics can be told at once.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, NonFiniteFloatPolicy, Spanned};

use crate::printable::Printable;

/// Line and column in a file, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Line 0 means the file as a whole.
    pub line: u64,
    /// See `line`.
    pub column: u64,
}

impl Position {
    /// The position of a byte of the text.
    pub(crate) fn of(text: &str, byte: usize) -> Self {
        let before = &text[..byte];
        let last = before.rsplit('\n').next().unwrap_or_default();
        Self { line: 1 + before.matches('\n').count() as u64, column: 1 + last.chars().count() as u64 }
    }
}

/// One node. Numbers and booleans keep their spelling, since `1.10` is a version and `on` may be a name.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the text.
    pub(crate) range: Option<Range<usize>>,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing.
    Null,
    /// A truth value and its spelling.
    Bool(bool, String),
    /// The spelling of a number.
    Number(String),
    /// Any other scalar.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// The entries of a map in the order of the file; a key may be there twice.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What this is, for an error that expected something else.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".into(),
            Kind::Bool(_, text) | Kind::Number(text) => text.clone(),
            Kind::Text(text) => format!("\"{}\"", Printable(text)),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
        }
    }

    /// The text of a scalar as it was written; `None` for nothing, lists and maps.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Bool(_, text) | Kind::Number(text) | Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Parses the first YAML document that is not empty, and finds where a second one begins.
///
/// # Errors
/// The position and the parser's message, when the text is not YAML.
pub fn parse(text: &str) -> Result<(Node, Option<Position>), (Position, String)> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    let documents = serde_saphyr::from_multiple_with_options::<Node>(text, options).map_err(|error| {
        let position =
            error.location().map_or(Position::default(), |at| Position { line: at.line(), column: at.column() });
        match tab_indent(text, position) {
            Some(tab) => (tab, "this line is indented with a tab: YAML allows spaces only".to_owned()),
            None => (position, message_of(&error.to_string())),
        }
    })?;
    let mut documents = documents.into_iter();
    let nothing = Node { position: Position::default(), kind: Kind::Null, range: None };
    let mut node = documents.next().unwrap_or(nothing);
    restore_spelling(&mut node, text);
    Ok((node, documents.next().map(|second| second.position)))
}

/// A tab in the indentation where the parser failed, or in the line after: it may point at the value before the tab.
fn tab_indent(text: &str, failed: Position) -> Option<Position> {
    let at = |line: &str| line.bytes().take_while(u8::is_ascii_whitespace).position(|byte| byte == b'\t');
    (failed.line..=failed.line + 1).find_map(|line| {
        let content = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
        Some(Position { line, column: at(content)? as u64 + 1 })
    })
}

/// The parser's message without its own copy of the position; where it speaks of its own workings, what that means.
fn message_of(full: &str) -> String {
    let line = full.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let rest = line.split_once(": ").filter(|(at, _)| at.starts_with("line ")).map_or(line, |(_, rest)| rest);
    let bare = rest.split(" at line ").next().unwrap_or(rest);
    match bare {
        _ if bare.starts_with("budget breached") => "the file, or what its aliases unfold to, is too large".to_owned(),
        _ => bare.to_owned(),
    }
}

/// Numbers and booleans arrive as values: put back what the file says there.
fn restore_spelling(node: &mut Node, text: &str) {
    match &mut node.kind {
        Kind::Bool(_, spelling) | Kind::Number(spelling) => {
            if let Some(raw) = node.range.clone().and_then(|range| text.get(range)) {
                *spelling = raw.trim().to_owned();
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| restore_spelling(item, text)),
        Kind::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            restore_spelling(key, text);
            restore_spelling(value, text);
        }),
        Kind::Null | Kind::Text(_) => {}
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Bare(kind), defined, .. } = Spanned::<Bare>::deserialize(deserializer)?;
        let span = defined.span();
        let range = span.byte_offset().zip(span.byte_len()).map(|(start, len)| start as usize..(start + len) as usize);
        Ok(Self { position: Position { line: defined.line(), column: defined.column() }, kind, range })
    }
}

/// A node without its position.
struct Bare(Kind);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor).map(Bare)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value, value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Kind::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(node: &Node, out: &mut Vec<String>) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| scalars(item, out)),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                scalars(key, out);
                scalars(value, out);
            }),
            _ => out.push(format!("{}:{} {}", node.position.line, node.position.column, node.describe())),
        }
    }

    #[test]
    fn every_scalar_keeps_its_spelling_and_place() {
        let (node, _) = parse("a: 1.10\nb: &x { c: yes, d: 090600 }\ne: *x\nf:\n").unwrap();
        let mut found = Vec::new();
        scalars(&node, &mut found);
        assert_eq!(
            found,
            [
                "1:1 \"a\"",
                "1:4 1.10",
                "2:1 \"b\"",
                "2:9 \"c\"",
                "2:12 yes",
                "2:17 \"d\"",
                "2:20 090600",
                "3:1 \"e\"",
                "2:9 \"c\"",
                "2:12 yes",
                "2:17 \"d\"",
                "2:20 090600",
                "4:1 \"f\"",
                "4:2 nothing"
            ]
        );
    }

    #[test]
    fn merge_keys_and_duplicates_reach_the_reader() {
        let (node, _) = parse("a: &a { x: 1, y: 2 }\nb:\n  <<: *a\n  x: 3\nb: 4\n").unwrap();
        let Kind::Map(entries) = node.kind else { panic!("a map") };
        assert_eq!(entries.len(), 3);
        let Kind::Map(merged) = &entries[1].1.kind else { panic!("a map") };
        let mut names: Vec<_> = merged.iter().map(|(k, v)| (k.scalar().unwrap(), v.scalar().unwrap())).collect();
        names.sort_unstable();
        assert_eq!(names, [("x", "3"), ("y", "2")]);
    }

    #[test]
    fn what_is_not_yaml_is_told_with_its_place() {
        let (position, message) = parse("a: [1\nb: 2\n").unwrap_err();
        assert_eq!(
            (position, message.as_str()),
            (Position { line: 2, column: 2 }, "illegal placement of ':' indicator")
        );
    }
}
