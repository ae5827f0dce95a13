//! PgBouncer's admin console: simple queries, and no way to cancel.
//!
//! A console treats a CancelRequest as RESUME: one sent for a late query would resume a paused pooler. So the types here do
//! not expose the connection or the driver's client, which can cancel.

use std::time::Duration;

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::connection::{CONSOLE_VERSION_SUFFIX, Connection};
use crate::environment::Environment;
use crate::error::{CONSOLE_DATABASE, ConnectError, ConsoleError, TargetError};
use crate::slot::ConnectionSlot;
use crate::target::Target;

/// PgBouncer's default port.
const PORT: &str = "6432";

/// Where and how to connect to a console. Its `Debug` omits the password.
#[derive(Debug, Clone)]
pub struct ConsoleTarget(Target);

impl ConsoleTarget {
    /// Parses a conninfo as [`Target::parse`], with PgBouncer's port and the console's database as defaults.
    ///
    /// Server settings, `options` and `target_session_attrs` are omitted, since a console refuses them.
    ///
    /// # Errors
    /// As [`Target::parse`], and if the database is another one.
    pub fn parse(conninfo: &str, env: &Environment) -> Result<Self, TargetError> {
        let env = env.clone().with_default("PGPORT", PORT).with_default("PGDATABASE", CONSOLE_DATABASE);
        let target = Target::parse(conninfo, &env)?;
        if target.database() != Some(CONSOLE_DATABASE) {
            return Err(TargetError::value(
                "dbname (or PGDATABASE)",
                format!(
                    "expected {CONSOLE_DATABASE}, the database name of the admin console (read a database of PostgreSQL \
                     with pg-exporter, --url and port 9630)"
                ),
            ));
        }
        Ok(Self(target.without_settings().with_any_session()))
    }

    /// The same, with an `application_name` that is used if neither conninfo nor `PGAPPNAME` sets one.
    #[must_use]
    pub fn with_application_name_default(self, name: &str) -> Self {
        Self(self.0.with_application_name_default(name))
    }

    /// The servers as `host:port` or `/socket/folder:port`, joined by commas; for logs.
    pub fn label(&self) -> String {
        self.0.label()
    }

    /// The user name.
    pub fn user(&self) -> &str {
        self.0.user()
    }

    /// Opens the console, as [`Target::connect`].
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub async fn connect(&self, slot: &ConnectionSlot, timeout: Duration) -> Result<Console, ConnectError> {
        self.0.connect(slot, timeout).await.map(Console)
    }
}

/// An open console. Dropping it closes the socket at once; [`Console::close`] terminates the session properly.
#[derive(Debug)]
pub struct Console(Connection);

/// The text of a cell, or an error if it is not UTF-8.
pub type TextCell = Result<Option<String>, NotUtf8>;

/// A cell that is not UTF-8: names in a pooler may be any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotUtf8;

/// The result of a command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConsoleResult {
    /// Column names; empty for a command that returns no rows.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<TextCell>>,
    /// Bytes of the rows on the wire.
    pub received_bytes: u64,
}

impl Console {
    /// The version that the console reports at connect, such as `1.24.1`; `None` if this is not a PgBouncer console.
    pub fn version(&self) -> Option<&str> {
        self.reported_version().strip_suffix(CONSOLE_VERSION_SUFFIX)
    }

    /// The version that the server reports, also if it is not a PgBouncer console.
    pub fn reported_version(&self) -> &str {
        self.0.parameter("server_version").unwrap_or_default()
    }

    /// As [`Connection::certificate_expiry`].
    pub fn certificate_expiry(&self) -> Option<f64> {
        self.0.certificate_expiry()
    }

    /// Sends one command and reads its result. Commands polled together are pipelined.
    ///
    /// # Errors
    /// The console's error message, or that the connection has ended.
    pub async fn query(&self, command: &str) -> Result<ConsoleResult, ConsoleError> {
        let messages =
            self.0.client().simple_query(command).await.map_err(|error| ConsoleError::from_driver(&error))?;
        let mut result = ConsoleResult::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    result.columns = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    let cells: Vec<TextCell> = (0..row.len()).map(|at| cell(&row, at)).collect();
                    result.received_bytes += wire_size(&cells);
                    result.rows.push(cells);
                }
                _ => {}
            }
        }
        Ok(result)
    }

    /// Closes the socket at once; pending commands fail.
    pub fn abandon(&self) {
        self.0.abandon();
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// As [`Connection::close`].
    pub async fn close(self, timeout: Duration) {
        self.0.close(timeout).await;
    }
}

fn cell(row: &SimpleQueryRow, at: usize) -> TextCell {
    row.try_get(at).map(|text| text.map(str::to_owned)).map_err(|_| NotUtf8)
}

/// The size of a DataRow message: type, length, number of cells, and the length and bytes of each cell. A cell that is not
/// UTF-8 counts as empty.
fn wire_size(cells: &[TextCell]) -> u64 {
    let text = |cell: &TextCell| cell.as_ref().ok().and_then(|text| text.as_ref()).map_or(0, String::len);
    7 + cells.iter().map(|cell| 4 + text(cell) as u64).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(conninfo: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let env = Environment::from_variables([("USER", "me")].iter().chain(variables).copied());
        let target = ConsoleTarget::parse(conninfo, &env.with_socket_folders([])).map_err(|error| error.to_string())?;
        Ok(format!("{}@{}", target.user(), target.label()))
    }

    #[test]
    fn has_port_and_database_of_the_console_by_default() {
        assert_eq!(parse("", &[]).unwrap(), "me@localhost:6432");
        assert_eq!(parse("postgres://mon@db1/", &[]).unwrap(), "mon@db1:6432");
        assert_eq!(parse("host=/run/b user=mon dbname=pgbouncer", &[("PGPORT", "7000")]).unwrap(), "mon@/run/b:7000");
    }

    #[test]
    fn rejects_other_database() {
        let expected = "dbname (or PGDATABASE): expected pgbouncer, the database name of the admin console \
                        (read a database of PostgreSQL with pg-exporter, --url and port 9630)";
        assert_eq!(parse("postgres://mon@db1/app", &[]).unwrap_err(), expected);
        assert_eq!(parse("", &[("PGDATABASE", "app")]).unwrap_err(), expected);
    }

    #[test]
    fn omits_settings_that_a_console_refuses() {
        let env = Environment::from_variables([("USER", "me"), ("PGOPTIONS", "-c jit=off")]);
        let conninfo = "postgres://db1/?extra_float_digits=2&target_session_attrs=read-write";
        let ConsoleTarget(target) = ConsoleTarget::parse(conninfo, &env).unwrap();
        let server = &target.servers.list()[0];
        assert_eq!(target.driver_config(server).get_options(), None);
        assert_eq!(target.session, crate::session_kind::SessionKind::Any);
    }
}
