//! The admin console of a PgBouncer: text questions, text answers, and no way to cancel.
//!
//! A console takes a CancelRequest as RESUME: one sent for a query that is late would wake a pooler that somebody has
//! paused. So neither type here gives out the connection or the driver's client, where a request to cancel begins.

use std::time::Duration;

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::connection::Connection;
use crate::environment::Environment;
use crate::error::{AskError, ConnectError, TargetError};
use crate::place::Place;
use crate::target::Target;

/// The only database name that leads to the console.
const DATABASE: &str = "pgbouncer";
/// PgBouncer's default port.
const PORT: &str = "6432";

/// Where the console is and who asks. Its `Debug` has no password.
#[derive(Debug, Clone)]
pub struct ConsoleTarget(Target);

impl ConsoleTarget {
    /// Reads a conninfo as [`Target::parse`] does, with PgBouncer's port and the console's database by default.
    ///
    /// Server settings, `options` and `target_session_attrs` are left out: a console knows none and refuses to start.
    ///
    /// # Errors
    /// As [`Target::parse`], and for another database.
    pub fn parse(conninfo: &str, env: &Environment) -> Result<ConsoleTarget, TargetError> {
        let env = env.clone().with_default("PGPORT", PORT).with_default("PGDATABASE", DATABASE);
        let target = Target::parse(conninfo, &env)?;
        if target.database() != Some(DATABASE) {
            return Err(TargetError::value(
                "dbname (or PGDATABASE)",
                format!("expected {DATABASE}, the console's name"),
            ));
        }
        Ok(ConsoleTarget(target.without_settings().with_any_session()))
    }

    /// The same, with an `application_name` for where neither conninfo nor `PGAPPNAME` has one.
    #[must_use]
    pub fn with_application_name_default(self, name: &str) -> ConsoleTarget {
        ConsoleTarget(self.0.with_application_name_default(name))
    }

    /// The servers as `host:port` or `/socket/folder:port`, joined by commas; for logs.
    pub fn label(&self) -> String {
        self.0.label()
    }

    /// Who connects.
    pub fn user(&self) -> &str {
        self.0.user()
    }

    /// Opens the console, as [`Target::connect`] opens a connection.
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub async fn connect(&self, place: &Place, timeout: Duration) -> Result<Console, ConnectError> {
        self.0.connect(place, timeout).await.map(Console)
    }
}

/// An open console. Dropping it closes the socket at once; [`Console::close`] takes leave first.
#[derive(Debug)]
pub struct Console(Connection);

/// The text of a cell, or the error that it is not UTF-8.
pub type TextCell = Result<Option<String>, NotUtf8>;

/// A cell whose bytes are no UTF-8: names in a pooler may be any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotUtf8;

/// What a command answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Names of the columns; empty for a command that answers with no rows at all.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<TextCell>>,
    /// Bytes of its rows as they came.
    pub received_bytes: u64,
}

impl Console {
    /// The version that the console tells as it opens, as in `1.24.1`; `None` if this is no console of PgBouncer's.
    pub fn version(&self) -> Option<&str> {
        self.reported_version().strip_suffix(CONSOLE_MARK)
    }

    /// What the server calls its version, whatever it is.
    pub fn reported_version(&self) -> &str {
        self.0.parameter("server_version").unwrap_or_default()
    }

    /// Sends one command and reads its answer. Commands polled together go out together.
    ///
    /// # Errors
    /// The console's own words, or that the connection has ended.
    pub async fn ask(&self, command: &str) -> Result<Answer, AskError> {
        let messages = self.0.client().simple_query(command).await.map_err(|error| AskError::from_driver(&error))?;
        let mut answer = Answer::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    answer.columns = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    let cells: Vec<TextCell> = (0..row.len()).map(|at| cell(&row, at)).collect();
                    answer.received_bytes += wire_size(&cells);
                    answer.rows.push(cells);
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Closes the socket without a word: whoever waits for an answer hears that the connection has ended.
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

/// What ends the version that a console of PgBouncer tells; a pooled connection tells its server's version.
pub(crate) const CONSOLE_MARK: &str = "/bouncer";

fn cell(row: &SimpleQueryRow, at: usize) -> TextCell {
    row.try_get(at).map(|text| text.map(str::to_owned)).map_err(|_| NotUtf8)
}

/// Of a DataRow message: kind, length, number of cells; of each cell its length and bytes. A cell that cannot be read
/// counts as an empty one.
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
    fn port_and_database_are_the_consoles_by_default() {
        assert_eq!(parse("", &[]).unwrap(), "me@localhost:6432");
        assert_eq!(parse("postgres://mon@db1/", &[]).unwrap(), "mon@db1:6432");
        assert_eq!(parse("host=/run/b user=mon dbname=pgbouncer", &[("PGPORT", "7000")]).unwrap(), "mon@/run/b:7000");
    }

    #[test]
    fn another_database_is_refused() {
        let told = "dbname (or PGDATABASE): expected pgbouncer, the console's name";
        assert_eq!(parse("postgres://mon@db1/app", &[]).unwrap_err(), told);
        assert_eq!(parse("", &[("PGDATABASE", "app")]).unwrap_err(), told);
    }

    #[test]
    fn what_a_console_refuses_is_not_sent() {
        let env = Environment::from_variables([("USER", "me"), ("PGOPTIONS", "-c jit=off")]);
        let conninfo = "postgres://db1/?extra_float_digits=2&target_session_attrs=read-write";
        let ConsoleTarget(target) = ConsoleTarget::parse(conninfo, &env).unwrap();
        let server = &target.servers.list()[0];
        assert_eq!(target.driver_config(server).get_options(), None);
        assert_eq!(target.session, crate::connect::SessionKind::Any);
    }
}
