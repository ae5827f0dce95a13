//! Tests on several hosts: Patroni with all that belongs to it, and networks that are cut.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod cuts;
mod demo;
mod logs;
mod plain;
mod preview;
mod proof;
mod rules;
mod switchover;
mod vip;
