//! Texts of statements: no secret leaves with them, and reading them costs the server little.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "statement_texts/memory.rs"]
mod memory;
#[path = "statement_texts/planted.rs"]
mod planted;
#[path = "statement_texts/secrets.rs"]
mod secrets;
mod support;
