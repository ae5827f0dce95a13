//! A server as a connection reached it, for its cancel requests.

use std::sync::Arc;

use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connector::SocketConnector;
use super::limited_tls::LimitedHandshake;
use super::permit_stream::PermitStream;
use crate::login_steps::StepClock;
use crate::permit::SocketPermit;

/// All that is needed to open another connection to the same server.
#[derive(Clone)]
pub(crate) struct ServerEndpoint {
    pub connector: SocketConnector,
    pub tls: MakeRustlsConnect,
    /// The name that the server's certificate must have.
    pub host_name: String,
    /// The permit that the connection holds.
    pub permit: Arc<SocketPermit>,
    /// Of the login.
    pub steps: StepClock,
}

impl ServerEndpoint {
    /// The TLS handshake for a socket.
    pub(crate) fn handshake(
        &self,
    ) -> LimitedHandshake<<MakeRustlsConnect as MakeTlsConnect<PermitStream>>::TlsConnect> {
        let Ok(handshake) = MakeTlsConnect::<PermitStream>::make_tls_connect(&mut self.tls.clone(), &self.host_name);
        LimitedHandshake { handshake, steps: self.steps.clone() }
    }
}
