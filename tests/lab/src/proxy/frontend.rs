//! What a client sends to a PostgreSQL server, message by message (PostgreSQL: Frontend/Backend Protocol).

use std::collections::HashMap;
use std::sync::Arc;

/// A longer message ends the reading: no exporter sends one, and it would have to be kept whole.
const LONGEST: usize = 16 * 1024 * 1024;

/// A statement as a client ran it: enough to run it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Parameters of the session's start: user, database, settings.
    pub startup: Arc<Vec<(String, String)>>,
    /// The statement.
    pub sql: Arc<str>,
    /// What follows the statement's name in its Bind message; none in the simple protocol.
    pub binding: Option<Arc<[u8]>>,
}

impl Executed {
    /// The database that the session is in.
    pub fn database(&self) -> &str {
        let value = |key: &str| self.startup.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        value("database").or_else(|| value("user")).unwrap_or_default()
    }
}

/// Reads one connection. Anything that is not this protocol, such as TLS, is passed over from there on.
#[derive(Debug, Default)]
pub(super) struct Frontend {
    unread: Vec<u8>,
    state: State,
    startup: Arc<Vec<(String, String)>>,
    statements: HashMap<Vec<u8>, Arc<str>>,
    portals: HashMap<Vec<u8>, Portal>,
}

/// A bound statement.
#[derive(Debug)]
struct Portal {
    sql: Arc<str>,
    binding: Arc<[u8]>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Startup,
    Started,
    Unknown,
}

impl Frontend {
    /// Takes the next bytes; returns the statements that they execute.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Executed> {
        let mut executed = Vec::new();
        if self.state == State::Unknown {
            return executed;
        }
        self.unread.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(taken) = self.message(at, &mut executed) {
            at += taken;
        }
        self.unread.drain(..at);
        if self.state == State::Unknown {
            self.unread = Vec::new();
        }
        executed
    }

    /// Reads the message that begins there; returns its length, or nothing unless it is complete.
    fn message(&mut self, at: usize, executed: &mut Vec<Executed>) -> Option<usize> {
        let typed = usize::from(self.state == State::Started);
        let length = self.unread.get(at + typed..at + typed + 4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        if !(4..=LONGEST).contains(&length) {
            self.state = State::Unknown;
            return None;
        }
        let body = self.unread.get(at + typed + 4..at + typed + length)?.to_vec();
        if self.state == State::Startup {
            self.start(&body);
        } else {
            executed.extend(self.typed(self.unread[at], &body));
        }
        (self.state != State::Unknown).then_some(typed + length)
    }

    /// A request for encryption has no parameters, and the real start follows it.
    fn start(&mut self, body: &[u8]) {
        const VERSION_3: [u8; 2] = [0, 3];
        if body.starts_with(&VERSION_3) {
            let mut words = body.get(4..).unwrap_or_default().split(|byte| *byte == 0).map(text);
            let mut parameters = Vec::new();
            while let (Some(name), Some(value)) = (words.next(), words.next()) {
                parameters.extend((!name.is_empty()).then_some((name, value)));
            }
            self.startup = Arc::new(parameters);
            self.state = State::Started;
        }
    }

    fn typed(&mut self, kind: u8, body: &[u8]) -> Option<Executed> {
        let (first, rest) = terminated(body)?;
        match kind {
            b'P' => {
                let (sql, _) = terminated(rest)?;
                self.statements.insert(first.to_vec(), text(sql).into());
                None
            }
            b'B' => {
                let (statement, binding) = terminated(rest)?;
                let sql = self.statements.get(statement)?.clone();
                self.portals.insert(first.to_vec(), Portal { sql, binding: binding.into() });
                None
            }
            b'E' => {
                let Portal { sql, binding } = self.portals.get(first)?;
                let (sql, binding) = (sql.clone(), Some(binding.clone()));
                Some(Executed { startup: self.startup.clone(), sql, binding })
            }
            b'Q' => Some(Executed { startup: self.startup.clone(), sql: text(first).into(), binding: None }),
            _ => None,
        }
    }
}

/// A text that ends with a zero byte, and what follows.
fn terminated(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn startup() -> Vec<u8> {
        let typed = message(b' ', b"\0\x03\0\0user\0monitor\0database\0db01\0\0");
        typed[1..].to_vec()
    }

    #[test]
    fn statements_are_read_from_any_split_of_the_bytes() {
        let session = [
            startup(),
            message(b'p', b"SCRAM"),
            message(b'P', b"s1\0select 1\0\0\0"),
            message(b'B', b"\0s1\0\0\0\0\0\0\x01\0\x01"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
            message(b'B', b"\0s1\0\0\0\0\0\0\x01\0\x01"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'Q', b"set x = 1\0"),
        ]
        .concat();
        for size in [1, 7, session.len()] {
            let mut frontend = Frontend::default();
            let executed: Vec<Executed> = session.chunks(size).flat_map(|bytes| frontend.read(bytes)).collect();
            let sql: Vec<&str> = executed.iter().map(|statement| &*statement.sql).collect();
            assert_eq!(sql, ["select 1", "select 1", "set x = 1"], "in pieces of {size}");
            assert_eq!(executed[0].database(), "db01");
            assert_eq!(executed[0].binding.as_deref(), Some(&b"\0\0\0\0\0\x01\0\x01"[..]));
            assert_eq!(executed[2].binding, None);
        }
    }

    #[test]
    fn other_protocols_are_passed_over() {
        let mut frontend = Frontend::default();
        assert!(frontend.read(b"\x16\x03\x01\x02\x00\x01 a TLS greeting").is_empty());
        assert!(frontend.read(&[startup(), message(b'Q', b"select 1\0")].concat()).is_empty());
    }
}
