//! TLS whose decrypted messages pass through a [`RowLimiter`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::row_limiter::RowLimiter;
use crate::login_steps::{LoginStep, StepClock};

/// A handshake that results in a [`LimitedTls`].
pub(crate) struct LimitedHandshake<C> {
    pub handshake: C,
    pub steps: StepClock,
}

/// An encrypted connection.
pub(crate) struct LimitedTls<T> {
    stream: T,
    rows: RowLimiter,
}

impl<S, C> TlsConnect<S> for LimitedHandshake<C>
where
    C: TlsConnect<S>,
    C::Stream: Unpin,
    C::Future: Send + 'static,
{
    type Stream = LimitedTls<C::Stream>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, C::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (handshake, steps) = (self.handshake.connect(stream), self.steps);
        Box::pin(async move {
            let stream = handshake.await?;
            steps.completed(LoginStep::Tls);
            Ok(LimitedTls { stream, rows: RowLimiter::for_messages() })
        })
    }
}

impl<T: TlsStream + Unpin> TlsStream for LimitedTls<T> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for LimitedTls<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, rows } = self.get_mut();
        rows.poll_read(Pin::new(stream), context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for LimitedTls<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
