//! Free TCP ports on 127.0.0.1.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use crate::error::LabError;

/// Below the range from which Linux takes the local ports of outgoing connections (32768 and up),
/// so that a stopped server finds its port still free.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port on which nothing listens now.
pub(crate) fn free_port() -> Result<u16, LabError> {
    let span = u64::from(RANGE.end - RANGE.start);
    for _ in 0..100 {
        let offset = RandomState::new().build_hasher().finish() % span;
        let port = RANGE.start + u16::try_from(offset).unwrap_or(0);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(LabError::Unexpected(format!("no free port on 127.0.0.1 in {RANGE:?} after 100 tries")))
}

/// The wanted port, or a free one where that is taken.
pub(crate) fn port_or_free(wanted: u16) -> Result<u16, LabError> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).is_ok() { Ok(wanted) } else { free_port() }
}

/// How programs say that a port is taken: the system's words, and Rust's, which our own exporters use.
const TAKEN: [&str; 2] = ["address already in use", "address in use"];

/// Calls `start` with a free port, and again with another one if somebody else was faster to take it.
pub(crate) fn on_free_port<T>(start: impl Fn(u16) -> Result<T, LabError>) -> Result<T, LabError> {
    for _ in 0..4 {
        match start(free_port()?) {
            Err(LabError::Ended { log, .. }) if TAKEN.iter().any(|words| log.to_lowercase().contains(words)) => {}
            outcome => return outcome,
        }
    }
    start(free_port()?)
}
