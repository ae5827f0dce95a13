//! Tests that need no server.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod alerts;
mod chart;
mod clients;
mod collector_files;
mod command_line;
mod dashboards;
mod house;
mod import;
mod logs;
mod mixin;
mod packaging;
mod parity;
mod pigsty;
mod service_manager;
mod situations;
