//! The least that a PostgreSQL client can do: send statements, read what comes, discard it.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use lab::{Executed, LabError};

/// No answer within this time is an error.
const LIMIT: Duration = Duration::from_secs(60);

/// A session of the role `bare`, which needs no password.
pub struct Client {
    stream: BufReader<TcpStream>,
    /// The server's process for it.
    pub pid: u32,
    received: u64,
}

/// A message of the server.
struct Message {
    kind: u8,
    body: Vec<u8>,
}

impl Client {
    /// Opens a session with the same start as the recorded one, but for the role.
    pub fn connect(port: u16, recorded: &[(String, String)]) -> Result<Self, LabError> {
        let connect = || -> io::Result<Self> {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(LIMIT))?;
            let mut body = vec![0, 3, 0, 0];
            for (name, value) in recorded {
                let value = if name == "user" { "bare" } else { value };
                body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
            }
            body.push(0);
            let mut client = Self { stream: BufReader::with_capacity(64 * 1024, stream), pid: 0, received: 0 };
            client.write(&[&length(&body)[..], &body].concat())?;
            Ok(client)
        };
        let mut client = connect().map_err(failed)?;
        client.until_ready(1, |client, message| {
            if message.kind == b'K' {
                client.pid = message.body.first_chunk().map_or(0, |pid| u32::from_be_bytes(*pid));
            }
        })?;
        Ok(client)
    }

    /// Prepares the statements, each under its place in the list, and returns the columns of each.
    pub fn prepare(&mut self, statements: &[Executed]) -> Result<Vec<BTreeSet<String>>, LabError> {
        let mut columns = Vec::new();
        for (at, statement) in statements.iter().enumerate() {
            let parse = message(b'P', &[format!("s{at}\0{}\0", statement.sql).as_bytes(), &[0, 0]].concat());
            let describe = message(b'D', format!("Ss{at}\0").as_bytes());
            self.write(&[parse, describe, message(b'S', b"")].concat()).map_err(failed)?;
            let mut names = BTreeSet::new();
            self.until_ready(1, |_, message| {
                if message.kind == b'T' {
                    names = column_names(&message.body);
                }
            })?;
            columns.push(names);
        }
        Ok(columns)
    }

    /// Runs the prepared statements with these places, all sent before the first answer is read.
    pub fn pipelined(&mut self, statements: &[Executed], places: std::ops::Range<usize>) -> Result<(), LabError> {
        let count = places.len();
        let batch: Vec<u8> = places.flat_map(|at| execute(&format!("s{at}"), &statements[at])).collect();
        self.write(&batch).map_err(failed)?;
        self.until_ready(count, |_, _| {})
    }

    /// Runs a statement that is not prepared, by the simple protocol unless it has parameters.
    pub fn simple(&mut self, statement: &Executed) -> Result<(), LabError> {
        let has_parameters = statement.binding.as_deref().is_some_and(|binding| binding.get(2..4) != Some(&[0, 0]));
        let sent = if has_parameters {
            let parse = message(b'P', &[format!("\0{}\0", statement.sql).as_bytes(), &[0, 0]].concat());
            [parse, execute("", statement)].concat()
        } else {
            message(b'Q', format!("{}\0", statement.sql).as_bytes())
        };
        self.write(&sent).map_err(failed)?;
        self.until_ready(1, |_, _| {})
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads until the server has been ready so many times; an error of it is ours.
    fn until_ready(&mut self, times: usize, mut see: impl FnMut(&mut Self, &Message)) -> Result<(), LabError> {
        let mut left = times;
        while left > 0 {
            let message = self.read().map_err(failed)?;
            match message.kind {
                b'Z' => left -= 1,
                b'E' => {
                    let text = String::from_utf8_lossy(&message.body).replace('\0', " ");
                    return Err(LabError::Unexpected(format!("a statement of the exporter, run again: {text}")));
                }
                _ => see(self, &message),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<Message> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length.saturating_sub(4)];
        self.stream.read_exact(&mut body)?;
        self.received += 1 + length as u64;
        Ok(Message { kind: head[0], body })
    }
}

/// Bind as it was recorded, Execute, Sync; without a recorded Bind one without parameters.
fn execute(name: &str, statement: &Executed) -> Vec<u8> {
    const NO_PARAMETERS: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1];
    let binding = statement.binding.as_deref().unwrap_or(NO_PARAMETERS);
    let bind = message(b'B', &[format!("\0{name}\0").as_bytes(), binding].concat());
    [bind, message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat()
}

/// The names in a RowDescription.
fn column_names(body: &[u8]) -> BTreeSet<String> {
    /// What follows a name: table, column, type, its size and modifier, format.
    const DESCRIPTION: usize = 18;
    let mut rest = body.get(2..).unwrap_or_default();
    let mut names = BTreeSet::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        names.insert(String::from_utf8_lossy(&rest[..end]).into_owned());
        rest = rest.get(end + 1 + DESCRIPTION..).unwrap_or_default();
    }
    names
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length(body), body].concat()
}

/// A length counts itself.
fn length(body: &[u8]) -> [u8; 4] {
    u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes()
}

fn failed(source: io::Error) -> LabError {
    LabError::Io { what: "talking to PostgreSQL as the bare limit".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_a_row_description() {
        let column = |name: &str| [name.as_bytes(), &[0; 19]].concat();
        let body = [&[0, 2][..], &column("datname"), &column("seq_scan")].concat();
        assert_eq!(column_names(&body), BTreeSet::from(["datname".to_owned(), "seq_scan".to_owned()]));
    }
}
