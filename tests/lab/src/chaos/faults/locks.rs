//! Somebody holds a lock that excludes all others.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::super::fault::{Expected, Fault, Lacking, Scrapes};
use super::super::stage::Stage;
use crate::LabError;

const LOCKED: Fault = Fault {
    expected: Expected { lacking: Lacking::Only("needs_lock"), ..Fault::USUAL.expected },
    cause: |stage| stage.lock("locked"),
    ..Fault::USUAL
};

/// What reads a catalog lacks; a login that reads it hangs, and the sessions that are there go on.
const CATALOG: Fault =
    Fault { expected: Expected { lacking: Lacking::Any, whole_within: 3, ..Fault::USUAL.expected }, ..Fault::USUAL };

pub const FAULTS: &[Fault] = &[
    Fault { name: "locked-table", what: "a locked table, one scrape", scrapes: Scrapes::InTurn(1), ..LOCKED },
    Fault {
        name: "locked-table-six",
        what: "a locked table, six scrapes at once",
        scrapes: Scrapes::AtOnce(6),
        ..LOCKED
    },
    Fault {
        name: "locked-table-aborted",
        what: "a locked table, six clients that give up",
        cause: |stage| {
            stage.lock("locked")?;
            give_up(stage, 6)
        },
        in_tests: true,
        ..LOCKED
    },
    Fault {
        name: "locked-pg_class",
        what: "`pg_class` locked",
        cause: |stage| stage.lock("pg_catalog.pg_class"),
        ..CATALOG
    },
    Fault {
        name: "locked-pg_database",
        what: "`pg_database` locked",
        cause: |stage| stage.lock("pg_catalog.pg_database"),
        ..CATALOG
    },
    Fault {
        name: "locked-pg_authid",
        what: "`pg_authid` locked",
        cause: |stage| stage.lock("pg_catalog.pg_authid"),
        ..CATALOG
    },
];

/// Clients that ask for the page and hang up while it is collected.
fn give_up(stage: &Stage, clients: usize) -> Result<(), LabError> {
    let address = stage.exporter.address();
    let ask = || {
        let mut client = TcpStream::connect(address)?;
        client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").map(|()| client)
    };
    let asked: Result<Vec<TcpStream>, _> = (0..clients).map(|_| ask()).collect();
    let asked = asked.map_err(LabError::io(format!("asking {address}")))?;
    // A collection is under way by then, and waits for the lock.
    thread::sleep(Duration::from_millis(100));
    drop(asked);
    Ok(())
}
