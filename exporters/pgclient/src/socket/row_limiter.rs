//! Leaves out rows that are too large, as they are received.
//!
//! The driver keeps each message whole in memory before anybody sees it, and PostgreSQL sends rows of up to a gigabyte.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The first cell of a row that was left out; its other cells are NULL. No text of a server contains a zero byte.
pub const ROW_TOO_LARGE: &[u8] = b"\0row too large\0";

/// The largest message that is received, in bytes.
const LARGEST: usize = 8 << 20;
const BUFFER: usize = 16 << 10;

/// What an error that is too large is replaced with.
const ERROR_TOO_LARGE: &[u8] = b"SERROR\0CXX000\0Mthe server's message is too large\0\0";

// The kinds of messages that a statement can make large.
const DATA_ROW: u8 = b'D';
const ERROR: u8 = b'E';
const NOTICE: u8 = b'N';

/// Filters what a server sends.
pub(crate) struct RowLimiter {
    state: State,
    /// What stands in for a message that was left out, and is to be passed on next.
    replacement: Vec<u8>,
    /// What was read and not passed on is `input[start..end]`.
    input: Box<[u8]>,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// The client has sent nothing.
    New,
    /// The server's next byte says whether it encrypts.
    TlsRequested,
    /// Encrypted.
    Opaque,
    /// At the start of a message.
    Header,
    /// So many bytes of a message are to be passed on.
    Body(usize),
    /// So many bytes of a message are to be left out.
    LeftOut(usize),
}

impl RowLimiter {
    /// For a socket, on which messages may be encrypted.
    pub(crate) fn for_socket() -> Self {
        Self::new(State::New)
    }

    /// For what was decrypted.
    pub(crate) fn for_messages() -> Self {
        Self::new(State::Header)
    }

    fn new(state: State) -> Self {
        Self { state, replacement: Vec::new(), input: vec![0; BUFFER].into(), start: 0, end: 0 }
    }

    /// Learns from the first bytes that the client sends whether messages follow.
    pub(crate) fn note_sent(&mut self, bytes: &[u8]) {
        if self.state == State::New {
            self.state = match bytes {
                // SSLRequest.
                [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f, ..] => State::TlsRequested,
                // The length of a startup message or a cancel request.
                [0, ..] => State::Header,
                _ => State::Opaque,
            };
        }
    }

    /// Reads from `source` what is to be passed on.
    pub(crate) fn poll_read(
        &mut self,
        mut source: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        match self.state {
            State::New | State::Opaque => return source.poll_read(context, out),
            State::TlsRequested => {
                ready!(source.poll_read(context, out))?;
                self.state = match out.filled().get(before) {
                    Some(b'S') => State::Opaque,
                    _ => State::Header,
                };
                return Poll::Ready(Ok(()));
            }
            State::Header | State::Body(_) | State::LeftOut(_) => {}
        }
        while out.remaining() > 0 {
            if self.step(out) {
                continue;
            }
            if out.filled().len() > before {
                break;
            }
            // What is left is less than a header.
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let mut space = ReadBuf::new(&mut self.input[self.end..]);
            ready!(source.as_mut().poll_read(context, &mut space))?;
            let read = space.filled().len();
            self.end += read;
            if read == 0 {
                self.state = State::Opaque;
                let rest = (self.end - self.start).min(out.remaining());
                out.put_slice(&self.input[self.start..self.start + rest]);
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Passes on or leaves out some of what was read. Returns whether it could.
    fn step(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let rest = &self.input[self.start..self.end];
        if !self.replacement.is_empty() {
            let count = self.replacement.len().min(out.remaining());
            out.put_slice(&self.replacement[..count]);
            self.replacement.drain(..count);
            return true;
        }
        let (count, next) = match self.state {
            State::Body(left) => {
                let count = left.min(rest.len()).min(out.remaining());
                out.put_slice(&rest[..count]);
                (count, if count == left { State::Header } else { State::Body(left - count) })
            }
            State::LeftOut(left) => {
                let count = left.min(rest.len());
                (count, if count == left { State::Header } else { State::LeftOut(left - count) })
            }
            _ => match header(rest) {
                Some((count, next, replacement)) => {
                    (self.start, self.state, self.replacement) = (self.start + count, next, replacement);
                    return true;
                }
                None => return false,
            },
        };
        (self.start, self.state) = (self.start + count, next);
        count > 0
    }
}

/// What to do with the message that begins here: how many bytes to take, how to go on, and what to pass on first. `None` if
/// more must be read to know.
fn header(rest: &[u8]) -> Option<(usize, State, Vec<u8>)> {
    let (kind, after) = rest.split_first()?;
    let (length, body) = after.split_first_chunk::<4>()?;
    // The length includes itself.
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length <= LARGEST {
        return Some((0, State::Body(1 + length.max(4)), Vec::new()));
    }
    Some(match *kind {
        DATA_ROW => {
            let (columns, _) = body.split_first_chunk::<2>()?;
            (7, State::LeftOut(length - 6), row_too_large(u16::from_be_bytes(*columns)))
        }
        ERROR => (5, State::LeftOut(length - 4), message(ERROR, ERROR_TOO_LARGE)),
        NOTICE => (5, State::LeftOut(length - 4), Vec::new()),
        _ => (0, State::Body(1 + length), Vec::new()),
    })
}

fn row_too_large(columns: u16) -> Vec<u8> {
    let mut body = columns.to_be_bytes().to_vec();
    for column in 0..columns {
        let (length, cell) = if column == 0 { (ROW_TOO_LARGE.len() as i32, ROW_TOO_LARGE) } else { (-1, &b""[..]) };
        body.extend(length.to_be_bytes());
        body.extend(cell);
    }
    message(DATA_ROW, &body)
}

/// A message of this kind. Bodies are a few kilobytes.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 4) as u32;
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::io::AsyncReadExt;

    use super::*;

    /// Gives what it has in pieces of this size.
    struct Pieces(VecDeque<u8>, usize);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let count = self.1.min(self.0.len()).min(out.remaining());
            self.0.drain(..count).for_each(|byte| out.put_slice(&[byte]));
            Poll::Ready(Ok(()))
        }
    }

    struct Limited(RowLimiter, Pieces);

    impl AsyncRead for Limited {
        fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let Self(limiter, source) = self.get_mut();
            limiter.poll_read(Pin::new(source), context, out)
        }
    }

    async fn passed_on(limiter: RowLimiter, sent: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        Limited(limiter, Pieces(sent.iter().copied().collect(), piece)).read_to_end(&mut out).await.unwrap();
        out
    }

    fn row(columns: u16, size: usize) -> Vec<u8> {
        message(DATA_ROW, &[&columns.to_be_bytes()[..], &vec![b'x'; size]].concat())
    }

    #[tokio::test]
    async fn leaves_out_what_is_too_large_and_nothing_else() {
        let (small, end) = (row(1, 300), b"Z\0\0\0\x05I".to_vec());
        let most = row(1, LARGEST - 6);
        let sent =
            [small.clone(), row(3, LARGEST), message(NOTICE, &vec![0; LARGEST]), end.clone(), most.clone()].concat();
        let expected = [small.clone(), row_too_large(3), end.clone(), most.clone()].concat();
        for piece in [1, 6, 7, 5000, usize::MAX] {
            let found = passed_on(RowLimiter::for_messages(), &sent, piece).await;
            assert!(found == expected, "{piece}: {} bytes", found.len());
        }
        let error = passed_on(RowLimiter::for_messages(), &message(ERROR, &vec![b'x'; LARGEST]), 4096).await;
        assert_eq!(error, message(ERROR, ERROR_TOO_LARGE));
        assert_eq!(passed_on(RowLimiter::for_messages(), &small[..4], 2).await, small[..4]);
    }

    #[tokio::test]
    async fn encrypted_bytes_pass() {
        let request = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
        let large = row(1, LARGEST);
        for (first, reply, is_limited) in [
            (&request[..], &b"S"[..], false),
            (&request, b"N", true),
            (b"\0\0\0\x09", b"", true),
            (b"\x16\x03", b"", false),
        ] {
            let mut limiter = RowLimiter::for_socket();
            limiter.note_sent(first);
            limiter.note_sent(b"more");
            let sent = [reply, &large].concat();
            let mut limited = Limited(limiter, Pieces(sent.iter().copied().collect(), 4096));
            let (mut answer, mut rest) = (vec![0; reply.len()], Vec::new());
            limited.read_exact(&mut answer).await.unwrap();
            limited.read_to_end(&mut rest).await.unwrap();
            assert_eq!((answer.as_slice(), rest.len() < 100), (reply, is_limited), "{first:?}");
        }
    }
}
