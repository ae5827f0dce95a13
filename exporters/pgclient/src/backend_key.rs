//! The key that a server gives a connection for its cancel requests, and the process that it is for.
//!
//! The driver shows the key to nobody but a server: here it writes a cancel request into a pipe.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_postgres::Client;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Length, code, process and secret, of four bytes each.
const CANCEL_REQUEST_LENGTH: usize = 16;
/// More than a request for TLS and a cancel request.
const PIPE_CAPACITY: usize = 64;

/// The server process that the connection's key is for.
pub(crate) async fn process(client: &Client) -> Option<i32> {
    let (ours, mut other_end) = duplex(PIPE_CAPACITY);
    // The answer to a request for TLS.
    other_end.write_all(b"S").await.ok()?;
    client.cancel_token().cancel_query_raw(ours, Untouched).await.ok()?;
    let mut written = Vec::new();
    other_end.read_to_end(&mut written).await.ok()?;
    process_in(&written)
}

/// The process in the cancel request at the end of these bytes.
fn process_in(written: &[u8]) -> Option<i32> {
    let request = written.last_chunk::<CANCEL_REQUEST_LENGTH>()?;
    Some(i32::from_be_bytes(request[8..12].try_into().ok()?))
}

/// A TLS handshake that leaves the pipe as it is.
struct Untouched;

impl TlsConnect<DuplexStream> for Untouched {
    type Stream = Pipe;
    type Error = Infallible;
    type Future = Ready<Result<Pipe, Infallible>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok(Pipe(stream)))
    }
}

struct Pipe(DuplexStream);

impl TlsStream for Pipe {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
