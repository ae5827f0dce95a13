//! One HTTP/1.1 request per connection, with the response as it came over the wire.
//!
//! A full client would undo compression and hide its headers, and tests look at both.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::error::LabError;

/// No answer within this time is an error.
const LIMIT: Duration = Duration::from_secs(30);

/// An HTTP response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as sent, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body as sent: compressed if the headers say so. Chunks are joined.
    pub body: Vec<u8>,
    /// From before the connection was made until the last byte was read.
    pub elapsed: Duration,
}

impl Response {
    /// The value of the first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request without a body and reads the whole response, in 30 s at most.
/// `target` is a path with an optional query, percent-encoded where need be.
pub fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Response, LabError> {
    send(address, method, target, headers, "")
}

/// Sends a POST request with a body and reads the whole response, in 30 s at most.
pub(crate) fn post(address: SocketAddr, target: &str, body: &str) -> Result<Response, LabError> {
    send(address, "POST", target, &[("Content-Length", &body.len().to_string())], body)
}

fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response, LabError> {
    let what = || format!("{method} http://{address}{target}");
    let begin = Instant::now();
    let bytes = exchange(address, method, target, headers, body).map_err(LabError::io(what()))?;
    let elapsed = begin.elapsed();
    parse(&bytes, elapsed).ok_or_else(|| {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        LabError::Unexpected(format!("{}: not a whole HTTP response: {} bytes, {start:?}", what(), bytes.len()))
    })
}

fn exchange(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        let left = deadline.checked_duration_since(Instant::now()).ok_or(io::ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(response),
            Ok(read) => response.extend_from_slice(&chunk[..read]),
            // A stopped and continued process interrupts the system call.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn parse(bytes: &[u8], elapsed: Duration) -> Option<Response> {
    let (head, body) = split(bytes, b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    let mut response = Response { status, headers, body: Vec::new(), elapsed };
    let is_chunked = response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    response.body = if is_chunked { joined(body)? } else { body.to_vec() };
    let announced = response.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let is_whole = response.body.is_empty() || announced.is_none_or(|length| length == response.body.len());
    is_whole.then_some(response)
}

/// The data of a chunked body (RFC 9112, 7.1); nothing if it breaks off before the last chunk.
fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let (head, rest) = split(chunks, b"\r\n")?;
        let size = std::str::from_utf8(head).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(data);
        }
        data.extend_from_slice(rest.get(..size)?);
        chunks = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let position = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..position], &bytes[position + at.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_a_broken_body_is_none() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n";
        let whole = format!("{head}4\r\nab\r\n\r\na;x=y\r\n0123456789\r\n0\r\n\r\n");
        let response = parse(whole.as_bytes(), Duration::ZERO).unwrap();
        assert_eq!((response.status, response.header("x-a")), (200, Some("b")));
        assert_eq!(response.text(), "ab\r\n0123456789");
        assert!(parse(format!("{head}4\r\nab").as_bytes(), Duration::ZERO).is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", Duration::ZERO).is_none());
    }
}
