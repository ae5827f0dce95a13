//! Opening the listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use listenfd::ListenFd;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

use super::error::ListenError;

type Bound = (TcpListener, SocketAddr);

/// Connections the system keeps waiting for `accept`.
const BACKLOG: i32 = 1024;

/// Binds each of `addresses`, in order.
///
/// # Errors
/// The first address that cannot be bound, or that there is none.
pub(super) async fn bind_all(addresses: &[String]) -> Result<Vec<Bound>, ListenError> {
    if addresses.is_empty() {
        return Err(ListenError::NoAddress);
    }
    let mut bound = Vec::with_capacity(addresses.len());
    for address in addresses {
        let failed = |reason| ListenError::Address { address: address.clone(), reason };
        let (host, port) = split(address).ok_or_else(|| failed("expected HOST:PORT or :PORT".to_owned()))?;
        bound.push(bind_one(host, port).await.map_err(|error| failed(reason(&error)))?);
    }
    Ok(bound)
}

/// The listening TCP sockets systemd passed to this process.
///
/// # Errors
/// There is none, or one is not a listening TCP socket.
pub(super) fn passed_by_systemd() -> Result<Vec<Bound>, ListenError> {
    let failed = |error: io::Error| ListenError::Systemd { reason: error.to_string() };
    let mut passed = ListenFd::from_env();
    let mut bound = Vec::with_capacity(passed.len());
    for index in 0..passed.len() {
        if let Some(socket) = passed.take_tcp_listener(index).map_err(failed)? {
            bound.push(ready(socket).map_err(failed)?);
        }
    }
    if bound.is_empty() {
        return Err(ListenError::Systemd { reason: "none was passed to this process".to_owned() });
    }
    Ok(bound)
}

/// Host and port of `HOST:PORT`; an IPv6 host comes without its brackets, an empty host is every interface.
fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    Some((bare, port.parse().ok()?))
}

async fn bind_one(host: &str, port: u16) -> io::Result<Bound> {
    if host.is_empty() {
        return every_interface(port);
    }
    let mut candidates: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    // A name such as localhost often has both; clients with a single protocol use IPv4.
    candidates.sort_by_key(SocketAddr::is_ipv6);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name does not resolve to an address");
    for candidate in candidates {
        match open(candidate) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// IPv6 that also accepts IPv4, or IPv4 alone if the system has no IPv6.
fn every_interface(port: u16) -> io::Result<Bound> {
    open((Ipv6Addr::UNSPECIFIED, port).into()).or_else(|error| match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
        _ => open((Ipv4Addr::UNSPECIFIED, port).into()),
    })
}

fn open(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    ready(socket.into())
}

fn ready(socket: std::net::TcpListener) -> io::Result<Bound> {
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    Ok((TcpListener::from_std(socket)?, address))
}

/// The usual errors without the system's error number; any other as the system reports it.
fn reason(error: &io::Error) -> String {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    match error.kind() {
        kind @ (AddrInUse | AddrNotAvailable | PermissionDenied) => kind.to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_an_address_at_its_port() {
        assert_eq!(split(":9630"), Some(("", 9630)));
        assert_eq!(split("127.0.0.1:9630"), Some(("127.0.0.1", 9630)));
        assert_eq!(split("[::1]:9630"), Some(("::1", 9630)));
        assert_eq!(split("localhost:9630"), Some(("localhost", 9630)));
        for bad in ["9630", "localhost", "::1:9630", "[::1:9630", "host:", "host:65536", "vsock://:9630"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
