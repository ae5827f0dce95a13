//! The answers of Patroni's REST interface as one document for filters.

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

/// The document of these answers, in the order of [`ENDPOINTS`].
///
/// # Errors
/// When an answer is not JSON, or is not what Patroni answers.
pub(super) fn document(answers: &[impl AsRef<[u8]>; 4]) -> Result<Val, SourceError> {
    let mut parts = [const { Val::Null }; 4];
    for (at, (answer, (_, path))) in answers.iter().zip(ENDPOINTS).enumerate() {
        let read: Val = serde_json::from_slice(answer.as_ref())
            .map_err(|error| SourceError::new(Reason::Json, format!("the answer of {path} is not JSON: {error}")))?;
        parts[at] = SHAPES[at].fit(read);
        if parts[at] == Val::Null {
            let expected = if path == "/history" { "an array" } else { "an object" };
            let message = format!("the answer of {path} is not {expected}: is --patroni-url Patroni's REST interface?");
            return Err(SourceError::new(Reason::Json, message));
        }
    }
    let [patroni, cluster, history, config] = parts;
    if !matches!(member(&cluster, "members"), Some(Val::Arr(_))) {
        let message = "the answer of /cluster has no members: is --patroni-url Patroni's REST interface?";
        return Err(SourceError::new(Reason::Json, message));
    }
    Ok(object([("patroni", patroni), ("cluster", cluster), ("history", history), ("config", config)]))
}

/// The document in a few words, for a person.
pub(super) fn summary(document: &Val) -> String {
    let members = member(document, "cluster").and_then(|cluster| member(cluster, "members")).map_or(&[][..], elements);
    let is_leader = |member: &&Val| {
        text(member, "role").is_some_and(|role| matches!(role.as_str(), "leader" | "standby_leader" | "master"))
    };
    let leader = members.iter().find(is_leader).and_then(|member| text(member, "name"));
    let leader = leader.map_or_else(|| "no leader".to_owned(), |name| format!("leader {name}"));
    let count = members.len();
    format!("{count} member{}, {leader}", if count == 1 { "" } else { "s" })
}
