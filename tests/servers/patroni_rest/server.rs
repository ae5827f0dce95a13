//! A small HTTP server that answers as a test says.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::certificates::Issued;

/// The answers of /patroni, /cluster, /history and /config: a body, or a word for what else happens: `STATUS n`, `SILENCE`,
/// `TRICKLE`, `CLOSE`, `GARBAGE`, `SHORT`.
pub(super) type Answers = [&'static str; 4];

/// A server in threads of the test; they end with it.
pub(super) struct RestServer {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl RestServer {
    pub(super) fn start(answers: Answers) -> RestServer {
        RestServer::serve(answers, None)
    }

    /// The same behind TLS with this certificate.
    pub(super) fn start_tls(answers: Answers, issued: &Issued) -> RestServer {
        let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        RestServer::serve(answers, Some(Arc::new(config)))
    }

    fn serve(answers: Answers, tls: Option<Arc<ServerConfig>>) -> RestServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, requests) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, tls) = (counted.clone(), tls.clone());
                thread::spawn(move || match tls {
                    Some(config) => {
                        let session = ServerConnection::new(config).unwrap();
                        answer(&mut StreamOwned::new(session, stream), &answers, &counted)
                    }
                    None => answer(&mut { stream }, &answers, &counted),
                });
            }
        });
        RestServer { port, requests }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests have come.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers one request; a client that goes away ends it.
fn answer(stream: &mut (impl Read + Write), answers: &Answers, counted: &AtomicUsize) -> Option<()> {
    let head = head(stream)?;
    counted.fetch_add(1, Ordering::SeqCst);
    let path = head.split(' ').nth(1)?;
    let at = ["/patroni", "/cluster", "/history", "/config"].iter().position(|known| *known == path)?;
    let mut send = |text: &str| stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).ok();
    match answers[at] {
        "SILENCE" => thread::sleep(Duration::from_secs(20)),
        "TRICKLE" => {
            send("HTTP/1.0 200 OK\r\n\r\n[")?;
            for _ in 0..100 {
                send(" ")?;
                thread::sleep(Duration::from_millis(200));
            }
        }
        "CLOSE" => {}
        "GARBAGE" => send("SSH-2.0-OpenSSH_9.2\r\n")?,
        "SHORT" => send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")?,
        status if status.starts_with("STATUS ") => {
            let code = &status["STATUS ".len()..];
            send(&format!("HTTP/1.0 {code} Odd\r\nLocation: http://127.0.0.1:1/\r\n\r\n"))?;
        }
        // As Patroni does: HTTP/1.0, whose body ends with the connection.
        body => send(&format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}"))?,
    }
    Some(())
}

/// The head of a request.
fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(head).ok()
}
