//! Tests on real servers: PostgreSQL 14 to 19, PgBouncer, pgBackRest.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod bounded;
mod chaos;
mod clients;
mod collector_files;
mod command_line;
mod connection;
mod contributing;
mod dashboards;
mod discovery;
mod faults;
mod flights;
mod health;
mod hostile;
mod http;
mod import;
mod logs;
mod parity;
mod pgbackrest;
mod pgbouncer;
mod pooled;
mod postgres_exporter;
mod refused;
mod runbooks;
mod settings;
mod statement_texts;
mod tracking;
mod trust;
mod truths;
mod unchanged;
mod unprivileged;
mod versions;
