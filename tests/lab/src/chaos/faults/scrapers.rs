//! Clients that nobody would want.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::super::fault::Fault;
use super::super::stage::Stage;
use crate::LabError;

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// What is no request of HTTP/1.1.
const GARBAGE: [&[u8]; 8] = [
    b"\r\n\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /metrics HTTP/9.9\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting",
    b"\0\0\0\x08\x04\xd2\x16\x2f a PostgreSQL client",
    &[0xff; 4096],
];

/// The beginning of HTTP/2 without an upgrade (RFC 9113, 3.4), with empty settings.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Streams that are opened and reset at once.
const RESETS: u32 = 500;

const WELL: Fault = Fault { in_tests: true, ..Fault::USUAL };

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "hanging-up",
        what: "200 scrapers hang up",
        cause: |stage| open(stage, 200, REQUEST).map(drop),
        ..WELL
    },
    Fault {
        name: "slow-readers",
        what: "200 scrapers do not read their answer",
        cause: |stage| hold(stage, 200, REQUEST),
        // A build without optimisation takes seconds for so many pages.
        in_tests: false,
        ..WELL
    },
    Fault { name: "idle-connections", what: "2,000 idle connections", cause: |stage| hold(stage, 2000, b""), ..WELL },
    Fault { name: "slow-headers", what: "200 clients send a byte at a time", cause: slow_headers, ..WELL },
    Fault { name: "garbage", what: "400 clients send garbage", cause: garbage, ..WELL },
    Fault {
        name: "http2",
        what: "HTTP/2 with 500 streams that are reset",
        cause: |stage| hold(stage, 5, &resets()),
        ..WELL
    },
];

/// So many connections to the exporter that have sent this.
fn open(stage: &Stage, count: usize, bytes: &[u8]) -> Result<Vec<TcpStream>, LabError> {
    let address = stage.exporter.address();
    let connect = || {
        let mut client = TcpStream::connect(address)?;
        client.write_all(bytes).map(|()| client)
    };
    let clients: io::Result<Vec<TcpStream>> = (0..count).map(|_| connect()).collect();
    clients.map_err(LabError::io(format!("sending to {address}")))
}

fn hold(stage: &mut Stage, count: usize, bytes: &[u8]) -> Result<(), LabError> {
    stage.held.streams = open(stage, count, bytes)?;
    Ok(())
}

fn slow_headers(stage: &mut Stage) -> Result<(), LabError> {
    hold(stage, 200, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")?;
    for _ in 0..5 {
        // Who was closed meanwhile is no longer slow.
        stage.held.streams.retain_mut(|client| client.write_all(b"x").is_ok());
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn garbage(stage: &mut Stage) -> Result<(), LabError> {
    for bytes in GARBAGE {
        for mut client in open(stage, 50, bytes)? {
            client.set_read_timeout(Some(Duration::from_millis(5))).map_err(LabError::io("setting a timeout"))?;
            // Any answer will do, and none.
            client.read_exact(&mut [0]).ok();
        }
    }
    Ok(())
}

/// Requests for `/`, each of which is reset as soon as it was sent.
fn resets() -> Vec<u8> {
    /// `:method GET`, `:path /`, `:scheme http` of the static table (RFC 7541, A).
    const HEADERS: [u8; 3] = [0x82, 0x84, 0x86];
    const END_OF_BOTH: u8 = 0x5;
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let frame = |kind: u8, flags: u8, stream: u32, body: &[u8]| {
        let length = u8::try_from(body.len()).unwrap_or_default();
        [&[0, 0, length, kind, flags][..], &stream.to_be_bytes(), body].concat()
    };
    let request = |number| {
        let stream = 2 * number + 1;
        [frame(1, END_OF_BOTH, stream, &HEADERS), frame(3, 0, stream, &CANCEL)].concat()
    };
    [HTTP2.to_vec(), (0..RESETS).flat_map(request).collect()].concat()
}
