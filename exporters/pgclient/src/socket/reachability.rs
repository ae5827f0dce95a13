//! Detects a TCP peer that no longer acknowledges data.
//!
//! `TCP_USER_TIMEOUT` is not enough: it also ends a connection whose peer is alive but has a full receive buffer, such as a
//! server process that hangs with pipelined statements before it. Linux shows in `/proc/net/tcp` which timer of a socket
//! runs: retransmission, or zero-window probe.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A peer that has not acknowledged anything for this long is lost.
pub(crate) const UNREACHABLE_AFTER: Duration = Duration::from_secs(30);

/// The probes of a connection that is being closed.
#[derive(Debug)]
pub(crate) struct Reachability {
    local: SocketAddr,
    peer: SocketAddr,
    /// Start of the current retransmissions.
    silent_since: Option<Instant>,
}

impl Reachability {
    pub(crate) fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { local, peer, silent_since: None }
    }

    /// Probes the connection and returns whether its peer is lost. On systems without `/proc/net/tcp` it is never lost; the
    /// kernel ends the connection in time.
    pub(crate) fn is_lost(&mut self) -> bool {
        if is_silent(self.local, self.peer) {
            let since = *self.silent_since.get_or_insert_with(Instant::now);
            return since.elapsed() >= UNREACHABLE_AFTER;
        }
        self.silent_since = None;
        false
    }
}

/// Whether the peer of a connection does not acknowledge what was sent. On systems without `/proc/net/tcp` it always does.
pub(crate) fn is_silent(local: SocketAddr, peer: SocketAddr) -> bool {
    let table = if local.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    retransmits(&std::fs::read_to_string(table).unwrap_or_default(), local, peer)
}

/// Whether a connection has retransmitted data that is not acknowledged yet.
///
/// The addresses are in the second and third field, the timer in the sixth (01 is retransmission) and the number of
/// retransmissions in the seventh (see proc_net_tcp in the kernel's documentation).
fn retransmits(sockets: &str, local: SocketAddr, peer: SocketAddr) -> bool {
    let (local, peer) = (hexadecimal(local), hexadecimal(peer));
    sockets.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().take(7).collect();
        let [_, from, to, _, _, timer, times] = fields[..] else { return false };
        from == local
            && to == peer
            && timer.starts_with("01:")
            && u32::from_str_radix(times, 16).is_ok_and(|times| times > 0)
    })
}

/// An address as the kernel prints it: 32-bit words in memory order, and the port.
fn hexadecimal(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| {
        let word = word.try_into().map(u32::from_ne_bytes).unwrap_or_default();
        format!("{word:08X}")
    });
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn distinguishes_full_buffer_from_lost_peer() {
        let sockets = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C0DC 0100007F:5A20 04 0000E0B7:00000000 04:000000C8 00000000     0        3 0 2 0000000000000000 25 4 30 2 2
   1: 0B00630A:9000 0C00630A:1538 04 00000020:00000000 01:00000F00 00000007     0        0 0 2 0000000000000000 25 4 30 2 2
   2: 0B00630A:9001 0C00630A:1538 01 00000020:00000000 01:00000014 00000000     0        0 0 2 0000000000000000 25 4 30 2 2
";
        let is_silent = |local: &str, peer: &str| retransmits(sockets, local.parse().unwrap(), peer.parse().unwrap());
        assert!(!is_silent("127.0.0.1:49372", "127.0.0.1:23072"), "it probes a full buffer");
        assert!(is_silent("10.99.0.11:36864", "10.99.0.12:5432"));
        assert!(!is_silent("10.99.0.11:36865", "10.99.0.12:5432"), "it has sent once so far");
        assert!(!is_silent("10.99.0.11:36866", "10.99.0.12:5432"), "there is no such connection");
        let address = hexadecimal("[::1]:5432".parse().unwrap());
        assert_eq!(address, "00000000000000000000000001000000:1538");
    }
}
