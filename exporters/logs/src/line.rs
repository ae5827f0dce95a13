//! One event of a log: its fields by name.

use std::borrow::Cow;

/// The most bytes of a field that are kept. Statements can have many megabytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// A field of a log line. The names are those of `docs/guide/logs.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Time of the line, as the program wrote it.
    Timestamp,
    /// `LOG`, `ERROR`, …: in English, if the program's language is known.
    Severity,
    /// SQLSTATE; the error number of pgBackRest.
    Code,
    /// The class of the SQLSTATE: its first two characters.
    CodeClass,
    /// The message, all its lines.
    Message,
    /// DETAIL of PostgreSQL.
    Detail,
    /// HINT of PostgreSQL.
    Hint,
    /// CONTEXT of PostgreSQL.
    Context,
    /// The statement that caused the line.
    Query,
    /// The statement inside of a function that caused the line.
    InternalQuery,
    /// Database.
    Datname,
    /// User.
    User,
    /// `application_name`.
    ApplicationName,
    /// Address of the client, without its port.
    RemoteHost,
    /// `client backend`, `autovacuum worker`, …
    BackendType,
    /// Query identifier.
    QueryId,
    /// Session.
    SessionId,
    /// Process.
    Pid,
    /// Command tag of PostgreSQL, or command of pgBackRest.
    Command,
    /// Stanza of pgBackRest.
    Stanza,
    /// Number of the process of pgBackRest.
    Process,
    /// `C` for a client connection of PgBouncer, `S` for a server connection.
    Side,
    /// How many executions a line about a duration stands for: 1 / the rate of sampling.
    Weight,
    /// The shape of a plan that auto_explain logged: 16 hexadecimal digits.
    Plan,
    /// That shape as a text.
    PlanShape,
    /// `1` if the plan of its query was another before, `0` if not.
    PlanChanged,
    /// Why a plan has no shape: `cut_off`, `not_json`.
    PlanProblem,
}

impl Field {
    /// All fields, in the order of their definition.
    pub const ALL: [Self; 27] = [
        Self::Timestamp,
        Self::Severity,
        Self::Code,
        Self::CodeClass,
        Self::Message,
        Self::Detail,
        Self::Hint,
        Self::Context,
        Self::Query,
        Self::InternalQuery,
        Self::Datname,
        Self::User,
        Self::ApplicationName,
        Self::RemoteHost,
        Self::BackendType,
        Self::QueryId,
        Self::SessionId,
        Self::Pid,
        Self::Command,
        Self::Stanza,
        Self::Process,
        Self::Side,
        Self::Weight,
        Self::Plan,
        Self::PlanShape,
        Self::PlanChanged,
        Self::PlanProblem,
    ];

    /// The name of the field in collector files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Severity => "severity",
            Self::Code => "code",
            Self::CodeClass => "code_class",
            Self::Message => "message",
            Self::Detail => "detail",
            Self::Hint => "hint",
            Self::Context => "context",
            Self::Query => "query",
            Self::InternalQuery => "internal_query",
            Self::Datname => "datname",
            Self::User => "user",
            Self::ApplicationName => "application_name",
            Self::RemoteHost => "remote_host",
            Self::BackendType => "backend_type",
            Self::QueryId => "query_id",
            Self::SessionId => "session_id",
            Self::Pid => "pid",
            Self::Command => "command",
            Self::Stanza => "stanza",
            Self::Process => "process",
            Self::Side => "side",
            Self::Weight => "weight",
            Self::Plan => "plan",
            Self::PlanShape => "plan_shape",
            Self::PlanChanged => "plan_changed",
            Self::PlanProblem => "plan_problem",
        }
    }

    /// The field of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// One event of a log. Fields borrow from the bytes that were read where they can.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line<'a> {
    values: [Option<Cow<'a, str>>; Field::ALL.len()],
}

impl<'a> Line<'a> {
    /// The text of a field, at most [`MAX_TEXT`] bytes of it; `None` where the line has none.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.values[field as usize].as_deref()
    }

    /// Sets the class of the SQLSTATE, if there is one.
    pub(crate) fn set_code_class(&mut self) {
        let class = match &self.values[Field::Code as usize] {
            Some(Cow::Borrowed(code)) => code.get(..2).map(Cow::Borrowed),
            Some(Cow::Owned(code)) => code.get(..2).map(|class| Cow::Owned(class.to_owned())),
            None => None,
        };
        self.values[Field::CodeClass as usize] = class;
    }

    /// Sets a field; an empty text is no value.
    pub(crate) fn set(&mut self, field: Field, text: impl Into<Cow<'a, str>>) {
        let text = capped(text.into());
        self.values[field as usize] = (!text.is_empty()).then_some(text);
    }
}

fn capped(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = text.floor_char_boundary(MAX_TEXT);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_name_for_each_field() {
        for field in Field::ALL {
            assert_eq!(Field::named(field.name()), Some(field));
            assert_eq!(Field::ALL[field as usize], field);
        }
        assert_eq!(Field::named("nothing"), None);
    }

    #[test]
    fn cuts_a_text_between_characters() {
        let mut line = Line::default();
        let text = format!("{}é", "a".repeat(MAX_TEXT - 1));
        line.set(Field::Query, text.as_str());
        assert_eq!(line.get(Field::Query).unwrap().len(), MAX_TEXT - 1);
        line.set(Field::Query, text.clone());
        assert_eq!(line.get(Field::Query).unwrap().len(), MAX_TEXT - 1);
        line.set(Field::Query, "");
        assert_eq!(line.get(Field::Query), None);
    }
}
