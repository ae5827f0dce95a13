//! The numbers are true: each is held against a known action, or against the server's own answer to another question.

mod activity;
mod locks;
mod off_by_default;
mod replication;
mod settings;
mod standbys;
mod statements;
mod storage;
mod vacuum;
mod wal;
