//! The answers of Patroni's REST interface as one document for filters.

use std::sync::Arc;

use engine::{Reason, SourceError};
use jq::Shape::{self, Items, List, Members, Object, Text};
use jq::json::{elements, member, object, text};
use jq::{Filter, Language, Val};

/// The paths that are read, and the member of the document that each becomes.
pub(super) const ENDPOINTS: [(&str, &str); 4] =
    [("patroni", "/patroni"), ("cluster", "/cluster"), ("history", "/history"), ("config", "/config")];

/// What filters rely on: a known member of another type is null.
static SHAPES: [Shape; 4] = [
    Object(&[("patroni", Object(&[("scope", Text), ("name", Text), ("version", Text)])), ("role", Text)]),
    Object(&[
        ("members", List(&MEMBER)),
        ("scheduled_switchover", Object(&[("at", Text), ("from", Text), ("to", Text)])),
    ]),
    // Timeline, LSN, reason, and in most versions the time and the new leader.
    List(&Items),
    Members,
];
/// Lags are numbers or the word unknown, a scheduled restart is a time or an object with one: filters look at the type.
const MEMBER: Shape = Object(&[("name", Text), ("role", Text), ("state", Text), ("tags", Members)]);

/// What filters over the document have. There are no variables: the document says what is to be known.
pub(super) static LANGUAGE: Language =
    Language { variables: &[], prelude: include_str!("prelude.jq"), functions: Vec::new };

/// Checks the text of a filter.
pub(crate) fn check(filter: &str) -> Result<(), String> {
    Filter::compile(filter, &LANGUAGE).map(drop)
}

/// The outcome of reading each of [`ENDPOINTS`].
pub(super) type Answers = [Result<Val, SourceError>; ENDPOINTS.len()];

/// What an endpoint of [`ENDPOINTS`] answered, for filters.
///
/// # Errors
/// When the answer is not JSON, or is not what Patroni answers.
pub(super) fn answer(at: usize, body: &[u8]) -> Result<Val, SourceError> {
    let path = ENDPOINTS[at].1;
    let bad = |why: String| SourceError::new(Reason::Json, format!("the answer of {path} {why}"));
    let read: Val = serde_json::from_slice(body).map_err(|error| bad(format!("is not JSON: {error}")))?;
    let fitted = SHAPES[at].fit(read);
    let expected = match path {
        _ if fitted != Val::Null => None,
        "/history" => Some("is not an array"),
        _ => Some("is not an object"),
    };
    let has_no_members = || path == "/cluster" && !matches!(member(&fitted, "members"), Some(Val::Arr(_)));
    match expected.or_else(|| has_no_members().then_some("has no members")) {
        Some(why) => Err(bad(format!("{why}: is --patroni-url Patroni's REST interface?"))),
        None => Ok(fitted),
    }
}

/// The document of those endpoints that a filter needs; the others are null.
///
/// # Errors
/// When one of them could not be read.
pub(super) fn document(answers: &Answers, needed: &[Arc<str>]) -> Result<Val, SourceError> {
    let mut members = ENDPOINTS.map(|(name, _)| (name, Val::Null));
    for ((name, value), answer) in members.iter_mut().zip(answers) {
        if needed.iter().any(|one| **one == **name) {
            *value = answer.clone()?;
        }
    }
    Ok(object(members))
}

/// The answer of `/cluster` in a few words, for a person.
pub(super) fn summary(cluster: &Val) -> String {
    let members = member(cluster, "members").map_or(&[][..], elements);
    let is_leader = |member: &&Val| {
        text(member, "role").is_some_and(|role| matches!(role.as_str(), "leader" | "standby_leader" | "master"))
    };
    let leader = members.iter().find(is_leader).and_then(|member| text(member, "name"));
    let leader = leader.map_or_else(|| "no leader".to_owned(), |name| format!("leader {name}"));
    let count = members.len();
    format!("{count} member{}, {leader}", if count == 1 { "" } else { "s" })
}
