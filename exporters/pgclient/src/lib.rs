//! One connection to anything that speaks the PostgreSQL protocol: conninfo, TLS, pgpass, limits, redaction.
//!
//! ```text
//! conninfo ─► url | keyvalue ─┐
//! service file ───────────────┼─► parameters ─► Target ─► connect ─► slot ─► login ─► Connection
//! PG* variables ──────────────┘                    │                           │           │
//!                              with_database, with_setting             pgpass, tls   client, cancel
//! ```
//!
//! A connection is opened in a [`ConnectionSlot`], which stays taken until the server has ended its side: a caller that
//! stops waiting does not end a login, and dropping a connection does not end its server process.
//!
//! A [`ConsoleTarget`] is PgBouncer's admin console: its [`Console`] sends simple queries and cannot cancel.
//!
//! A [`Target`] is parsed once. The password file and certificates are read at every connect, so that a rotated file takes
//! effect. No error, log line or `Debug` output of this crate contains a password.

mod backend_key;
mod connect;
mod connection;
mod conninfo;
mod console;
mod deadline;
mod environment;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod login;
mod login_steps;
mod permit;
mod pgpass;
mod server;
mod session_kind;
mod slot;
mod socket;
mod startup_options;
mod target;
mod tls;

pub use connection::Connection;
pub use console::{Console, ConsoleResult, ConsoleTarget, NotUtf8, TextCell};
pub use environment::Environment;
pub use error::{ConnectError, ConsoleError, TargetError};
pub use login_steps::{LoginStep, LoginTimes};
pub use slot::ConnectionSlot;
pub use socket::row_limiter::ROW_TOO_LARGE;
pub use startup_options::OwnSetting;
pub use target::Target;
pub use tls::verifying_client;
