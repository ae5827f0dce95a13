//! A TCP proxy that can stand still, be slow, and count what a PostgreSQL client sends.

mod delay;
mod frontend;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::delay::{Arriving, Sending, direction};
use self::frontend::Frontend;
use crate::error::LabError;

pub use self::frontend::Executed;

/// Forwards TCP connections to a port on 127.0.0.1. Frozen, it goes on accepting connections but
/// moves no byte: a network that swallows packets. Dropping it closes every connection.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    /// How long bytes are on their way, in each direction.
    delay: Duration,
    state: Mutex<State>,
    changed: Condvar,
    connections: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    round_trips: AtomicU64,
    statements: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    frozen: bool,
    /// Freezes when so many bytes have come down.
    freeze_at: Option<u64>,
    /// Connections with a lower number are forgotten.
    remembered: u64,
    closed: bool,
    /// The statements since [`Proxy::record`].
    recording: Option<Vec<Executed>>,
    /// Both ends of every open connection, by its number.
    streams: HashMap<u64, Vec<TcpStream>>,
}

impl Proxy {
    /// Starts forwarding from a free port, [`Proxy::port`], to the upstream port.
    pub fn start(upstream_port: u16) -> Result<Proxy, LabError> {
        Proxy::with_delay(upstream_port, Duration::ZERO)
    }

    /// The same on a slow network: bytes arrive so much later in each direction, and a connection takes a round trip
    /// before its first byte. What is sent together arrives together: only time passes, nothing is throttled.
    pub fn with_delay(upstream_port: u16, delay: Duration) -> Result<Proxy, LabError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(LabError::io("listening for a proxy"))?;
        let address = listener.local_addr().map_err(LabError::io("asking for the proxy's port"))?;
        let shared = Arc::new(Shared {
            upstream: SocketAddr::from((Ipv4Addr::LOCALHOST, upstream_port)),
            delay,
            state: Mutex::default(),
            changed: Condvar::new(),
            connections: AtomicU64::new(0),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
            statements: AtomicU64::new(0),
        });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if acceptor.state().closed {
                    return;
                }
                // A connection that fails is closed, which its client sees.
                let connection = Arc::clone(&acceptor);
                thread::spawn(move || client.and_then(|client| connection.serve(&client)).ok());
            }
        });
        Ok(Proxy { address, shared })
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Stops moving bytes; connections stay open, and new ones are accepted.
    pub fn freeze(&self) {
        self.shared.state().frozen = true;
    }

    /// Freezes when the server has sent so many more bytes: in the middle of a result.
    pub fn freeze_after(&self, bytes_down: u64) {
        self.shared.state().freeze_at = Some(self.bytes_down() + bytes_down);
    }

    /// Forgets the connections of now, as a firewall does that was restarted: they stay open on both sides, nothing that
    /// is sent over them arrives, and nobody is told. New ones are forwarded.
    pub fn forget(&self) {
        self.shared.state().remembered = self.connections();
    }

    /// Moves bytes again, those that came meanwhile first; not over connections that it has forgotten.
    pub fn thaw(&self) {
        let mut state = self.shared.state();
        (state.frozen, state.freeze_at) = (false, None);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Closes every connection that is open now.
    pub fn cut(&self) {
        for stream in self.shared.state().streams.drain().flat_map(|(_, ends)| ends) {
            // Fails only if it is closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
        self.shared.changed.notify_all();
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes forwarded so far from clients to the server.
    pub fn bytes_up(&self) -> u64 {
        self.shared.bytes_up.load(Ordering::Relaxed)
    }

    /// Bytes forwarded so far from the server to clients.
    pub fn bytes_down(&self) -> u64 {
        self.shared.bytes_down.load(Ordering::Relaxed)
    }

    /// How often so far a client has sent something anew after an answer, or first of all.
    pub fn round_trips(&self) -> u64 {
        self.shared.round_trips.load(Ordering::Relaxed)
    }

    /// Statements that clients have executed so far by PostgreSQL's protocol, unencrypted.
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// Keeps the statements that clients execute from now on.
    pub fn record(&self) {
        self.shared.state().recording = Some(Vec::new());
    }

    /// The statements since [`Proxy::record`]; no more are kept.
    pub fn recorded(&self) -> Vec<Executed> {
        self.shared.state().recording.take().unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.cut();
        // Wakes the acceptor, which then ends.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the proxy is frozen or has forgotten this connection.
    fn pass(&self, number: u64) {
        let is_held = |state: &mut State| (state.frozen || number < state.remembered) && !state.closed;
        drop(self.changed.wait_while(self.state(), is_held));
    }

    /// Counts what comes down, and freezes if that was wanted by now.
    fn came_down(&self, bytes: u64) {
        let before = self.bytes_down.fetch_add(bytes, Ordering::Relaxed);
        let mut state = self.state();
        state.frozen |= state.freeze_at.is_some_and(|limit| before + bytes >= limit);
    }

    /// Serves one connection to its end.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let outcome = self.forward(number, client);
        self.state().streams.remove(&number);
        outcome
    }

    fn forward(&self, number: u64, client: &TcpStream) -> io::Result<()> {
        let ready = Instant::now() + 2 * self.delay;
        self.keep(number, client)?;
        self.pass(number);
        let server = TcpStream::connect(self.upstream)?;
        self.keep(number, &server)?;
        let answered = AtomicBool::new(true);
        let mut frontend = Frontend::default();
        let up = |bytes: &[u8]| {
            self.round_trips.fetch_add(u64::from(answered.swap(false, Ordering::Relaxed)), Ordering::Relaxed);
            self.bytes_up.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.executed(frontend.read(bytes));
        };
        let down = |bytes: &[u8]| {
            answered.store(true, Ordering::Relaxed);
            self.came_down(bytes.len() as u64);
        };
        thread::scope(|scope| {
            if self.delay.is_zero() {
                scope.spawn(|| self.pump(number, &server, client, down));
                self.pump(number, client, &server, up);
            } else {
                let (up_way, up_arrival) = direction(self.delay, ready);
                let (down_way, down_arrival) = direction(self.delay, ready);
                // The client's side counts: bytes are sent when it has sent them, and answers when it gets them.
                scope.spawn(|| self.send(&server, down_way, |_| {}));
                scope.spawn(|| self.arrive(number, down_arrival, client, down));
                scope.spawn(|| self.arrive(number, up_arrival, &server, |_| {}));
                self.send(client, up_way, up);
            }
        });
        Ok(())
    }

    fn executed(&self, statements: Vec<Executed>) {
        if statements.is_empty() {
            return;
        }
        self.statements.fetch_add(statements.len() as u64, Ordering::Relaxed);
        if let Some(recording) = &mut self.state().recording {
            recording.extend(statements);
        }
    }

    /// Remembers one end of a connection for [`Proxy::cut`]; refuses it once the proxy is closed.
    fn keep(&self, number: u64, end: &TcpStream) -> io::Result<()> {
        let end = end.try_clone()?;
        let mut state = self.state();
        if state.closed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        state.streams.entry(number).or_default().push(end);
        Ok(())
    }

    /// Moves bytes until either side closes, and hands the end on.
    fn pump(&self, number: u64, mut from: &TcpStream, mut to: &TcpStream, mut count: impl FnMut(&[u8])) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            self.pass(number);
            count(&buffer[..read]);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        self.pass(number);
        to.shutdown(Shutdown::Write).ok();
    }

    /// The first half of [`Shared::pump`], with a delayed direction between both.
    fn send(&self, mut from: &TcpStream, way: Sending, mut count: impl FnMut(&[u8])) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            count(&buffer[..read]);
            if !way.send(&buffer[..read]) {
                break;
            }
        }
    }

    /// The second half.
    fn arrive(&self, number: u64, arrival: Arriving, mut to: &TcpStream, mut count: impl FnMut(&[u8])) {
        for bytes in arrival {
            self.pass(number);
            count(&bytes);
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        self.pass(number);
        to.shutdown(Shutdown::Write).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_proxy_holds_bytes_back_and_a_thawed_one_delivers_them() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(echo.local_addr().unwrap().port()).unwrap();
        thread::spawn(move || {
            let (stream, _) = echo.accept().unwrap();
            io::copy(&mut &stream, &mut &stream).unwrap();
        });
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut answer = [0; 4];

        client.write_all(b"ping").unwrap();
        client.read_exact(&mut answer).unwrap();
        assert_eq!((proxy.connections(), proxy.bytes_up(), proxy.bytes_down()), (1, 4, 4));
        assert_eq!(proxy.round_trips(), 1);

        proxy.freeze();
        client.write_all(b"pong").unwrap();
        assert!(client.read(&mut answer).is_err());
        proxy.thaw();
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"pong");

        proxy.cut();
        assert_eq!(client.read(&mut answer).unwrap(), 0);
    }

    #[test]
    fn a_proxy_freezes_in_mid_result_and_forgets_connections() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(echo.local_addr().unwrap().port()).unwrap();
        thread::spawn(move || {
            for stream in echo.incoming().map(Result::unwrap) {
                thread::spawn(move || io::copy(&mut &stream, &mut &stream).unwrap());
            }
        });
        let connect = || {
            let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
            client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            client
        };
        let comes = |mut client: &TcpStream| {
            client.write_all(b"ping").unwrap();
            client.read_exact(&mut [0; 4]).is_ok()
        };
        let old = connect();
        proxy.freeze_after(8);
        assert_eq!([comes(&old), comes(&old), comes(&old)], [true, true, false]);
        proxy.thaw();
        old.try_clone().unwrap().read_exact(&mut [0; 4]).unwrap();

        proxy.forget();
        let new = connect();
        assert_eq!([comes(&old), comes(&new)], [false, true]);
    }

    #[test]
    fn a_slow_proxy_takes_one_delay_each_way_however_much_is_sent() {
        const DELAY: Duration = Duration::from_millis(20);
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::with_delay(echo.local_addr().unwrap().port(), DELAY).unwrap();
        thread::spawn(move || {
            let (stream, _) = echo.accept().unwrap();
            io::copy(&mut &stream, &mut &stream).unwrap();
        });
        // The connection itself is a round trip, too, and begins when it is accepted.
        let begun = Instant::now();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        let sent: Vec<u8> = (0..100_000_u32).map(|byte| byte as u8).collect();
        let mut answer = vec![0; sent.len()];
        for part in sent.chunks(1000) {
            client.write_all(part).unwrap();
        }
        client.read_exact(&mut answer).unwrap();
        let took = begun.elapsed();
        assert!(took >= 4 * DELAY, "{took:?}");
        // A delay for each of the hundred parts would be 200 of them.
        assert!(took < 100 * DELAY, "{took:?}");
        assert_eq!(answer, sent);
        assert_eq!(proxy.round_trips(), 1);
    }
}
