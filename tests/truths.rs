//! The numbers are true: each is held against a known action, or against the server's own answer to another question.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "truths/activity.rs"]
mod activity;
#[path = "truths/off_by_default.rs"]
mod off_by_default;
#[path = "truths/replication.rs"]
mod replication;
#[path = "truths/settings.rs"]
mod settings;
#[path = "truths/statements.rs"]
mod statements;
#[path = "truths/storage.rs"]
mod storage;
mod support;
#[path = "truths/vacuum.rs"]
mod vacuum;
#[path = "truths/wal.rs"]
mod wal;
