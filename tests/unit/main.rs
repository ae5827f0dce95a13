//! Tests that need no server.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod alerts;
mod clients;
mod collector_files;
mod command_line;
mod dashboards;
mod house;
mod logs;
mod mixin;
mod parity;
mod pigsty;
mod situations;
