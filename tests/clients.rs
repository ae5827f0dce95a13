//! What clients of the HTTP interface, readers of the log, names and files cannot do to the exporter.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "clients/connections.rs"]
mod connections;
#[path = "clients/files.rs"]
mod files;
#[path = "clients/log.rs"]
mod log;
#[path = "clients/names.rs"]
mod names;
#[path = "clients/requests.rs"]
mod requests;
mod support;
#[path = "clients/web_config.rs"]
mod web_config;

/// Nothing listens there.
const DOWN: (&str, &str) = ("PG_EXPORTER_URL", "postgres://u@127.0.0.1:1/d");
