//! Secrets in texts of a server: [`secrets()`] removes passwords from every label, error and log line, [`statement()`]
//! removes constants from the text of a statement.
//!
//! The rules are those of `vector/events.vrl`; both are tested with `tests/redaction.json`.

mod secrets;
mod statement;

pub(crate) use secrets::secrets;
pub(crate) use statement::statement;
