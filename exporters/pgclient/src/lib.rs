//! One connection to anything that speaks the PostgreSQL protocol: conninfo, TLS, pgpass, limits, redaction.
//!
//! ```text
//! conninfo ─► url | keyvalue ─┐
//! service file ───────────────┼─► parameters ─► Target ─ connect ─► login ─► Connection
//! PG* variables ──────────────┘                   │  ▲       │                  │
//!                          with_database, with_setting  pgpass, tls            client, cancel
//! ```
//!
//! A connection is opened in a [`Place`], which stays taken until the server has ended its side: a caller that stops
//! waiting ends no login, and dropping a connection ends no server process.
//!
//! A [`ConsoleTarget`] is a target that leads to a pooler's console: its [`Console`] asks in plain text and cannot cancel.
//!
//! What a [`Target`] is made of is read once; password file and certificates are read at every connect, so that a
//! rotated one is seen. A password appears in no error, log line or `Debug` output of this crate.

mod connect;
mod connection;
mod console;
mod environment;
mod error;
mod keyvalue;
mod login;
mod options;
mod parameters;
mod pgpass;
mod place;
mod reachability;
mod server;
mod service;
mod target;
mod tls;
mod url;
mod wire;

pub use connection::Connection;
pub use console::{Answer, Console, ConsoleTarget, NotUtf8, TextCell};
pub use environment::Environment;
pub use error::{AskError, ConnectError, TargetError};
pub use place::Place;
pub use target::Target;
