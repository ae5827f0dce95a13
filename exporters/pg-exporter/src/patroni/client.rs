//! One GET of Patroni's REST interface: bounded in time and size, without redirects.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use engine::{Reason, SourceError};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use pgclient::{Environment, verifying_client};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::address::RestAddress;

/// The most bytes of one answer.
const MOST_BYTES: usize = 1 << 20;

/// How Patroni's REST interface is reached. It makes a connection for each request, as Patroni's server expects.
pub(super) struct RestClient {
    pub address: RestAddress,
    /// Authorities in place of the system's.
    pub ca_file: Option<PathBuf>,
    pub environment: Environment,
}

/// The TLS client of one round of requests; `None` for plain HTTP.
pub(super) type Tls = Option<TlsConnector>;

impl RestClient {
    /// A TLS client with the authorities that the file contains now.
    pub(super) fn tls(&self) -> Result<Tls, SourceError> {
        if !self.address.is_tls {
            return Ok(None);
        }
        let config = verifying_client(self.ca_file.as_deref(), &self.environment);
        let config = config.map_err(|error| SourceError::new(Reason::Tls, format!("{}: {error}", self.address)))?;
        Ok(Some(TlsConnector::from(Arc::new(config))))
    }

    /// The body of the answer at a path, if its status is 200.
    pub(super) async fn get(&self, path: &str, tls: &Tls) -> Result<Bytes, SourceError> {
        let stream = self.connect().await.map_err(|(reason, why)| self.error(path, reason, &why))?;
        let Some(tls) = tls else { return self.exchange(path, stream).await };
        let bad_name = |_| self.error(path, Reason::Tls, "the host is no name that a certificate can have");
        let name = ServerName::try_from(self.address.host.clone()).map_err(bad_name)?;
        let stream = tls.connect(name, stream).await.map_err(|error| {
            let why = format!("TLS handshake failed: {error} (is it HTTPS? is its CA in --patroni-ca-file?)");
            self.error(path, Reason::Tls, &why)
        })?;
        self.exchange(path, stream).await
    }

    async fn connect(&self) -> Result<TcpStream, (Reason, String)> {
        let RestAddress { host, port, .. } = &self.address;
        let addresses = lookup_host((host.as_str(), *port))
            .await
            .map_err(|error| (Reason::Dns, format!("cannot resolve the host name: {error}")))?;
        let mut failure = (Reason::Dns, "the host name has no address".to_owned());
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = refused(&error),
            }
        }
        Err(failure)
    }

    async fn exchange(
        &self,
        path: &str,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Bytes, SourceError> {
        let failed = |error: hyper::Error| self.error(path, Reason::Protocol, &no_answer(&error));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let mut request = Request::get(path)
            .header(HOST, self.address.host_and_port())
            .header(USER_AGENT, "pg-exporter")
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close");
        if let Some(authorization) = &self.address.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| self.error(path, Reason::Other, &format!("cannot make the request: {error}")))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(failed)?;
            if response.status() != StatusCode::OK {
                let (reason, why) = unexpected(response.status());
                return Err(self.error(path, reason, &why));
            }
            whole(response).await.map_err(|(reason, why)| self.error(path, reason, &why))
        };
        // The connection has to be driven, and ends with this future.
        let mut connection = std::pin::pin!(connection);
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            biased;
            answered = &mut answer => answered,
            // The answer may still be on its way to its reader.
            _ = &mut connection => answer.await,
        }
    }

    /// An error of a request, with what was tried.
    pub(super) fn error(&self, path: &str, reason: Reason, why: &str) -> SourceError {
        SourceError::new(reason, format!("GET {}{path}: {why}", self.address))
    }
}

/// The whole body of an answer.
async fn whole(response: Response<Incoming>) -> Result<Bytes, (Reason, String)> {
    let has_length = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| response.headers().contains_key(name));
    let (mut body, mut read) = (Limited::new(response.into_body(), MOST_BYTES), BytesMut::new());
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err((Reason::TooLarge, format!("the answer has more than {} KiB", MOST_BYTES >> 10)));
            }
            // Patroni's answers end with the connection, and Python does not announce the end of TLS. An answer that is cut
            // off is no JSON.
            Err(error) if !has_length && is_end_of_stream(&*error) => break,
            Err(error) => return Err((Reason::Closed, format!("the answer broke off: {error}"))),
        }
    }
    Ok(read.freeze())
}

fn is_end_of_stream(error: &(dyn Error + 'static)) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

fn refused(error: &io::Error) -> (Reason, String) {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            (Reason::Refused, "connection refused (is Patroni running there? see restapi.listen)".to_owned())
        }
        io::ErrorKind::TimedOut => (Reason::Timeout, "no answer to the connection".to_owned()),
        _ => (Reason::Unreachable, error.to_string()),
    }
}

fn no_answer(error: &hyper::Error) -> String {
    if error.is_parse() {
        return format!("the answer is not HTTP: {error} (is it HTTPS?)");
    }
    format!("no answer: {error}")
}

fn unexpected(status: StatusCode) -> (Reason, String) {
    let code = status.as_u16();
    match code {
        300..=399 => (
            Reason::Protocol,
            format!(
                "HTTP status {code}, a redirect, which is not followed: set --patroni-url to the address it leads to"
            ),
        ),
        401 | 403 => {
            (Reason::Auth, format!("HTTP status {code}: expected 200 (user and password belong in --patroni-url)"))
        }
        _ => (Reason::Protocol, format!("HTTP status {code}: expected 200 (see the log of Patroni)")),
    }
}
