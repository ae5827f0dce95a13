//! `tls_server_config` of the web configuration, made into a rustls configuration.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Deserialize;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::blank::unless_blank;
use super::cipher::{self, Cipher, Curve, MaxVersion, MinVersion};
use super::client_certificate::{ClientAuth, ClientCertificates};
use super::error::ListenError;
use super::protection::TlsProtection;
use super::watched_files::WatchedFiles;

/// `tls_server_config`. An absent, null and empty value mean the same.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    cert: Option<String>,
    cert_file: Option<PathBuf>,
    key: Option<String>,
    key_file: Option<PathBuf>,
    client_ca: Option<String>,
    client_ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_blank")]
    client_auth_type: Option<ClientAuth>,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<MinVersion>,
    max_version: Option<MaxVersion>,
    cipher_suites: Option<Vec<Cipher>>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Option<Vec<Curve>>,
}

/// TLS as it is served.
pub(super) struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    /// In Unix seconds; `None` if that cannot be read.
    pub(super) certificate_expiry: Option<f64>,
}

/// Where a PEM text stands: a file counts before the text in the configuration itself.
struct Pem {
    origin: String,
    content: Vec<u8>,
}

impl TlsSection {
    /// What it asks of clients.
    pub(super) fn protection(&self) -> TlsProtection {
        let auth = self.client_auth_type.unwrap_or_default();
        TlsProtection {
            on: false,
            client_certificates: auth.is_mandatory(),
            verified: auth.verifies(),
            names: self.client_allowed_sans.is_some(),
            client_auth_is_said: self.client_auth_type.is_some(),
        }
    }

    /// The TLS configuration, or `None` where the section names neither certificate, key, client CA nor client
    /// authentication: then TLS is off, whatever else it says.
    ///
    /// # Errors
    /// A file cannot be read or does not hold what it should, or settings contradict each other.
    pub(super) fn server_config(
        mut self,
        http2: bool,
        files: &mut WatchedFiles,
    ) -> Result<Option<ServerTls>, ListenError> {
        let cert = pem("cert", self.cert.take(), self.cert_file.take(), files)?;
        let key = pem("key", self.key.take(), self.key_file.take(), files)?;
        let client_ca = pem("client_ca", self.client_ca.take(), self.client_ca_file.take(), files)?;
        if cert.is_none() && key.is_none() && client_ca.is_none() && self.client_auth_type.is_none() {
            files.warn("tls_server_config has no certificate: serving plain HTTP");
            return Ok(None);
        }
        let Some(cert) = cert else { return Err(missing("cert", files)) };
        let Some(key) = key else { return Err(missing("key", files)) };

        let versions = cipher::versions(self.min_version, self.max_version, files)?;
        let curves = self.curve_preferences.as_deref();
        let provider = Arc::new(cipher::provider(self.cipher_suites.as_deref(), curves, files)?);
        let clients = self.client_certificates(client_ca.as_ref(), &provider, files)?;
        let (chain, private_key) = (certificates(&cert, files)?, private_key(&key, files)?);
        let certificate_expiry = chain.first().and_then(expiry);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| files.wrong(format!("tls_server_config: {error}")))?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, private_key)
            .map_err(|error| files.wrong(format!("{} and {}: {error}", cert.origin, key.origin)))?;
        config.ignore_client_order = self.prefer_server_cipher_suites.unwrap_or(true);
        if http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Some(ServerTls { config: Arc::new(config), certificate_expiry }))
    }

    fn client_certificates(
        &self,
        client_ca: Option<&Pem>,
        provider: &Arc<CryptoProvider>,
        files: &mut WatchedFiles,
    ) -> Result<Arc<dyn ClientCertVerifier>, ListenError> {
        let auth = self.client_auth_type.unwrap_or_default();
        if self.client_allowed_sans.is_some() && !auth.is_mandatory() {
            return Err(files.wrong(
                "tls_server_config: client_allowed_sans needs client_auth_type RequireAnyClientCert or \
                 RequireAndVerifyClientCert",
            ));
        }
        let roots = match client_ca {
            Some(_) if auth == ClientAuth::NoClientCert => {
                return Err(files.wrong("tls_server_config: a client CA needs a client_auth_type"));
            }
            None if auth.verifies() => {
                let message = "tls_server_config: client_ca_file or client_ca is needed to verify client certificates";
                return Err(files.wrong(message));
            }
            None => RootCertStore::empty(),
            Some(client_ca) => roots(client_ca, files)?,
        };
        if auth == ClientAuth::NoClientCert {
            return Ok(Arc::new(NoClientAuth));
        }
        let clients = ClientCertificates::new(auth, roots, self.client_allowed_sans.clone(), provider)
            .map_err(|error| files.wrong(format!("tls_server_config: client_ca: {error}")))?;
        Ok(Arc::new(clients))
    }
}

fn pem(
    setting: &str,
    inline: Option<String>,
    file: Option<PathBuf>,
    files: &mut WatchedFiles,
) -> Result<Option<Pem>, ListenError> {
    if let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) {
        let content = files.read_beside(&file)?;
        return Ok(Some(Pem { origin: format!("{setting}_file {}", file.display()), content }));
    }
    let inline = inline.filter(|text| !text.is_empty());
    Ok(inline.map(|text| Pem { origin: setting.to_owned(), content: text.into_bytes() }))
}

fn missing(setting: &str, files: &WatchedFiles) -> ListenError {
    files.wrong(format!("tls_server_config: {setting}_file or {setting} is missing"))
}

fn certificates(pem: &Pem, files: &WatchedFiles) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem.content)
        .collect::<Result<_, _>>()
        .map_err(|error| files.wrong(format!("{}: {error}", pem.origin)))?;
    if chain.is_empty() {
        return Err(files.wrong(format!("{}: contains no certificate", pem.origin)));
    }
    Ok(chain)
}

/// The end of the certificate's validity in Unix seconds.
fn expiry(certificate: &CertificateDer<'_>) -> Option<f64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs_f64())
}

fn private_key(pem: &Pem, files: &WatchedFiles) -> Result<PrivateKeyDer<'static>, ListenError> {
    // The parser's error may show a line of the input, and this input is secret.
    PrivateKeyDer::from_pem_slice(&pem.content)
        .map_err(|_| files.wrong(format!("{}: contains no valid private key", pem.origin)))
}

fn roots(pem: &Pem, files: &mut WatchedFiles) -> Result<RootCertStore, ListenError> {
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(certificates(pem, files)?);
    if roots.is_empty() {
        return Err(files.wrong(format!("{}: contains no usable certificate", pem.origin)));
    }
    if unusable > 0 {
        files.warn(format!("{}: {unusable} unusable certificates are ignored", pem.origin));
    }
    Ok(roots)
}
