//! What users get to ship logs with, `vector/`, run over lines that real servers have just written.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "logs/architecture.rs"]
mod architecture;
#[path = "logs/configuration.rs"]
mod configuration;
#[path = "logs/pgbackrest.rs"]
mod pgbackrest;
#[path = "logs/pgbouncer.rs"]
mod pgbouncer;
#[path = "logs/postgres.rs"]
mod postgres;
#[path = "logs/redaction.rs"]
mod redaction;
#[path = "logs/unreadable.rs"]
mod unreadable;
#[path = "logs/vector.rs"]
mod vector;
