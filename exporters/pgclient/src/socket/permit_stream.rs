//! A socket that holds a permit.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;

use super::row_limiter::RowLimiter;
use super::stream::SocketStream;
use crate::permit::SocketPermit;

/// Another handle of a TCP socket.
pub(crate) struct TcpHandle(pub(super) socket2::Socket);

/// A socket that holds a permit.
///
/// Its shutdown waits for the peer to close too, so the permit is free after it. If it is dropped before that, a task holds
/// the permit until the peer has closed.
pub(crate) struct PermitStream {
    /// `None` only while it is dropped.
    socket: Option<SocketStream>,
    /// Whether the peer has closed or is dead.
    ended: bool,
    permit: Arc<SocketPermit>,
    rows: RowLimiter,
}

impl PermitStream {
    pub(super) fn new(socket: SocketStream, permit: Arc<SocketPermit>) -> Self {
        Self { socket: Some(socket), ended: false, permit, rows: RowLimiter::for_socket() }
    }

    /// Another handle of its socket, if it is a TCP one.
    pub(crate) fn handle(&self) -> Option<TcpHandle> {
        match &self.socket {
            Some(SocketStream::Tcp(stream)) => SockRef::from(stream).try_clone().ok().map(TcpHandle),
            _ => None,
        }
    }

    /// The addresses of both ends, if it is a TCP one.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.socket.as_ref().and_then(SocketStream::ends)
    }

    /// The permit that it holds.
    pub(crate) fn permit(&self) -> Arc<SocketPermit> {
        self.permit.clone()
    }

    fn parts(&mut self) -> io::Result<(Pin<&mut SocketStream>, &mut RowLimiter)> {
        let socket = self.socket.as_mut().map(Pin::new).ok_or(io::ErrorKind::NotConnected)?;
        Ok((socket, &mut self.rows))
    }
}

impl AsyncRead for PermitStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.remaining();
        let (socket, rows) = self.parts()?;
        let read = ready!(rows.poll_read(socket, context, buffer));
        self.ended |= read.is_err() || (before > 0 && buffer.remaining() == before);
        Poll::Ready(read)
    }
}

impl AsyncWrite for PermitStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (socket, rows) = self.parts()?;
        rows.note_sent(bytes);
        socket.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts()?.0.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Shutting down fails if the peer has closed already.
        if ready!(self.parts()?.0.poll_shutdown(context)).is_err() {
            return Poll::Ready(Ok(()));
        }
        while !self.ended {
            let mut space = [0; 1024];
            // A reset also ends it.
            ready!(self.as_mut().poll_read(context, &mut ReadBuf::new(&mut space))).ok();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for PermitStream {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take().filter(|_| !self.ended) else { return };
        let permit = self.permit.clone();
        // Without a runtime the process is exiting, which closes the socket.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                socket.wait_for_end().await;
                drop(permit);
            });
        }
    }
}
