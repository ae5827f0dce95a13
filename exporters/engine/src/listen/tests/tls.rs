//! TLS, client certificates, and certificates that change.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Folder, GRACE, ListenOptions, Running, WebConfigState, bind, exchange, hello, options, run, status};

const PAIR: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";
const VERIFIED: &str = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Issued {
    cert_pem: String,
    key_pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> Issued {
        self.issue_until(name, 2100)
    }

    /// A certificate that is valid until that year begins.
    fn issue_until(&self, name: &str, year: i32) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() }
    }

    /// A folder with a certificate of this authority for the server, and the authority as the client CA.
    fn folder(&self, web_config: &str) -> Folder {
        let folder = Folder::with(web_config);
        folder.write("ca.pem", &self.pem);
        folder.install(&self.issue("localhost"));
        folder
    }

    /// A connection of a client that trusts this authority.
    async fn connect(
        &self,
        server: &Running,
        identity: Option<&Issued>,
        alpn: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.pem)).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Issued { cert_pem, key_pem }) => {
                let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![der(cert_pem)], key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
    }

    /// The response to a client with `identity`; an error if the server refuses the connection.
    async fn get(&self, server: &Running, identity: Option<&Issued>) -> io::Result<String> {
        exchange(self.connect(server, identity, &[]).await?, "").await
    }
}

impl Folder {
    fn install(&self, issued: &Issued) {
        self.write("cert.pem", &issued.cert_pem);
        self.write("key.pem", &issued.key_pem);
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn indented(pem: &str) -> String {
    pem.lines().map(|line| format!("    {line}\n")).collect()
}

#[tokio::test]
async fn serves_tls_from_files_and_inline_text() {
    let authority = Authority::new();
    let Issued { cert_pem, key_pem } = authority.issue("localhost");
    let inline = format!("tls_server_config:\n  cert: |\n{}  key: |\n{}", indented(&cert_pem), indented(&key_pem));
    for web_config in [PAIR, &inline] {
        let running = authority.folder(web_config).run().await;
        assert_eq!(running.scheme, "https");
        let response = authority.get(&running, None).await.unwrap();
        assert!(status(&response) == 200 && response.ends_with("hello"), "{response}");
    }
}

#[tokio::test]
async fn offers_http_2_unless_disabled() {
    let authority = Authority::new();
    let running = authority.folder(PAIR).run().await;
    let stream = authority.connect(&running, None, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Body::empty()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    assert_eq!(to_bytes(Body::new(response.into_body()), 100).await.unwrap(), Bytes::from("hello"));
    driver.abort();

    let running = authority.folder(&format!("{PAIR}http_server_config:\n  http2: false\n")).run().await;
    let stream = authority.connect(&running, None, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn requires_client_certificates_signed_by_the_client_ca() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let running = authority.folder(&format!("{PAIR}{VERIFIED}")).run().await;
    assert!(authority.get(&running, None).await.is_err());
    assert!(authority.get(&running, Some(&stranger.issue("prometheus"))).await.is_err());
    let response = authority.get(&running, Some(&authority.issue("prometheus"))).await.unwrap();
    assert_eq!(status(&response), 200);
}

#[tokio::test]
async fn applies_each_client_auth_type() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (own, strange) = (authority.issue("prometheus"), stranger.issue("prometheus"));
    for (auth, without, with_strange) in [
        ("client_auth_type: NoClientCert", true, true),
        ("client_auth_type: RequestClientCert", true, true),
        ("client_auth_type: RequireAnyClientCert", false, true),
        ("client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem", true, false),
    ] {
        let running = authority.folder(&format!("{PAIR}  {auth}\n")).run().await;
        assert_eq!(authority.get(&running, None).await.is_ok(), without, "{auth}");
        assert_eq!(authority.get(&running, Some(&strange)).await.is_ok(), with_strange, "{auth}");
        assert!(authority.get(&running, Some(&own)).await.is_ok(), "{auth}");
    }
}

#[tokio::test]
async fn requires_an_allowed_name_in_client_certificates() {
    let authority = Authority::new();
    let allowed = "  client_allowed_sans: [prometheus.example, 192.0.2.7]\n";
    let running = authority.folder(&format!("{PAIR}{VERIFIED}{allowed}")).run().await;
    for (name, admitted) in [("prometheus.example", true), ("192.0.2.7", true), ("grafana.example", false)] {
        let answer = authority.get(&running, Some(&authority.issue(name))).await;
        assert_eq!(answer.is_ok(), admitted, "{name}");
    }
}

#[tokio::test]
async fn uses_a_new_certificate_without_a_restart() {
    let authority = Authority::new();
    let folder = authority.folder(PAIR);
    let running = folder.run().await;
    let shown = async || {
        let stream = authority.connect(&running, None, &[]).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let old = shown().await;
    let new = authority.issue("localhost");
    // Between the two files nothing fits together, and the old pair is still shown.
    folder.write("cert.pem", &new.cert_pem);
    assert_eq!(shown().await, old);
    folder.write("key.pem", &new.key_pem);
    assert_eq!(shown().await, der(&new.cert_pem));
}

#[tokio::test]
async fn knows_when_the_certificate_in_use_expires() {
    let authority = Authority::new();
    let folder = authority.folder(PAIR);
    let (running, counts) = folder.run_with_status().await;
    let until_2100 = Some(date_time_ymd(2100, 1, 1).unix_timestamp() as f64);
    assert_eq!(counts.certificate_expiry(), until_2100);
    let new = authority.issue_until("localhost", 2040);
    folder.write("cert.pem", &new.cert_pem);
    authority.get(&running, None).await.unwrap();
    assert_eq!(counts.certificate_expiry(), until_2100, "the old pair is still in use");
    folder.write("key.pem", &new.key_pem);
    authority.get(&running, None).await.unwrap();
    assert_eq!(counts.certificate_expiry(), Some(date_time_ymd(2040, 1, 1).unix_timestamp() as f64));

    let (_, plain) = Folder::with("").run_with_status().await;
    assert_eq!(plain.certificate_expiry(), None);
}

#[tokio::test]
async fn keeps_tls_when_the_file_is_truncated() {
    let authority = Authority::new();
    let allowed = "  client_allowed_sans: [prometheus.example]\n";
    let whole = format!("{PAIR}{VERIFIED}{allowed}");
    let folder = authority.folder(&whole);
    let (running, counts) = folder.run_with_status().await;
    let (prometheus, grafana) = (authority.issue("prometheus.example"), authority.issue("grafana.example"));
    for cut in ["", "tls_server_config:\n", PAIR, &format!("{PAIR}{VERIFIED}")] {
        folder.overwrite("web.yml", cut);
        assert_eq!(status(&authority.get(&running, Some(&prometheus)).await.unwrap()), 200, "{cut}");
        assert!(authority.get(&running, None).await.is_err(), "{cut}");
        assert!(authority.get(&running, Some(&grafana)).await.is_err(), "{cut}");
        assert!(matches!(counts.web_config(), WebConfigState::Refused(_)), "{cut}");
    }
    // What is said in so many words is done.
    folder.overwrite("web.yml", &format!("{PAIR}  client_auth_type: NoClientCert\n"));
    assert_eq!(status(&authority.get(&running, None).await.unwrap()), 200);
    assert_eq!(counts.web_config(), WebConfigState::InForce);
}

#[tokio::test]
async fn keeps_the_old_certificates_when_a_file_is_emptied() {
    let authority = Authority::new();
    let folder = authority.folder(&format!("{PAIR}{VERIFIED}"));
    let (running, counts) = folder.run_with_status().await;
    let client = authority.issue("prometheus");
    for name in ["cert.pem", "key.pem", "ca.pem"] {
        let content = std::fs::read_to_string(folder.path(name)).unwrap();
        folder.overwrite(name, "");
        assert_eq!(status(&authority.get(&running, Some(&client)).await.unwrap()), 200, "{name}");
        assert!(authority.get(&running, None).await.is_err(), "{name}");
        assert!(matches!(counts.web_config(), WebConfigState::Refused(_)), "{name}");
        folder.overwrite(name, &content);
        assert_eq!(status(&authority.get(&running, Some(&client)).await.unwrap()), 200, "{name}");
        assert_eq!(counts.web_config(), WebConfigState::InForce, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn closes_an_idle_http_2_connection() {
    let authority = Authority::new();
    let running = authority.folder(PAIR).run().await;
    let stream = authority.connect(&running, None, &["h2"]).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Body::empty()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(to_bytes(Body::new(response.into_body()), 100).await.unwrap(), Bytes::from("hello"));
    let begin = tokio::time::Instant::now();
    driver.await.unwrap().ok();
    assert_eq!(begin.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn drops_a_client_without_a_handshake_and_serves_others() {
    let authority = Authority::new();
    let running = authority.folder(PAIR).run().await;
    let mut silent = running.connect().await;
    assert_eq!(status(&authority.get(&running, None).await.unwrap()), 200);
    assert_eq!(silent.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn closes_unfinished_handshakes_at_the_limit() {
    let authority = Authority::new();
    let folder = authority.folder(PAIR);
    let options = ListenOptions { max_connections: 4, ..options(Some(folder.path("web.yml"))) };
    let running = run(bind(&options).await.unwrap(), hello(), GRACE);
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(running.connect().await);
    }
    assert_eq!(status(&authority.get(&running, None).await.unwrap()), 200);
    assert!(options.status.http_connections_closed.get() >= 46);
}
