//! TLS as libpq's `sslmode` and its companions ask for it, made of rustls.

mod verifier;

use crate::environment::Environment;
use crate::error::TargetError;
use crate::parameters::{Parameters, word};
use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::config::SslNegotiation;
use tokio_postgres_rustls::MakeRustlsConnect;
use verifier::ServerCertificate;

/// libpq's `sslmode`, from the least to the most demanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

const MODES: [(&str, Mode); 6] = [
    ("disable", Mode::Disable),
    ("allow", Mode::Allow),
    ("prefer", Mode::Prefer),
    ("require", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How to encrypt and whom to trust. Holds paths only; the files are read by [`TlsSettings::connector`].
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub mode: Mode,
    pub negotiation: SslNegotiation,
    roots: Option<Vec<PathBuf>>,
    client: Option<ClientFiles>,
    versions: Vec<&'static SupportedProtocolVersion>,
}

#[derive(Clone)]
struct ClientFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// Not named by the user, so that it counts only where both files exist.
    by_default: bool,
}

/// What is wrong with the TLS files, in words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {what} {}: {error}", file.display())]
    File { what: &'static str, file: PathBuf, error: std::io::Error },
    #[error("cannot read {what} {}: {error}", file.display())]
    Pem { what: &'static str, file: PathBuf, error: rustls::pki_types::pem::Error },
    // What the parser says may quote a line of the key.
    #[error("client key {}: no unencrypted private key in it, or a malformed one", file.display())]
    Key { file: PathBuf },
    #[error("{what} {}: no usable certificate in it", file.display())]
    Empty { what: &'static str, file: PathBuf },
    #[error("no root certificates to verify the server with: give sslrootcert=FILE or sslrootcert=system")]
    NoRoots,
    #[error("{0}")]
    Setup(#[from] rustls::Error),
}

impl TlsSettings {
    pub(crate) fn from_parameters(parameters: &Parameters, env: &Environment) -> Result<TlsSettings, TargetError> {
        let system_roots = parameters.get("sslrootcert").is_some_and(|value| value == "system");
        let mode = word(parameters, "sslmode", &MODES)?;
        if system_roots && mode.is_some_and(|mode| mode < Mode::VerifyFull) {
            // Anybody can get a certificate from one of those authorities, for a name of their own.
            return Err(TargetError::value("sslmode", "sslrootcert=system needs verify-full"));
        }
        let default_mode = if system_roots { Mode::VerifyFull } else { Mode::Prefer };
        let mode = mode.unwrap_or(default_mode);
        let negotiations = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
        let negotiation = word(parameters, "sslnegotiation", &negotiations)?.unwrap_or_default();
        if negotiation == SslNegotiation::Direct && mode < Mode::Require {
            return Err(TargetError::value("sslnegotiation", "direct needs sslmode=require or stricter"));
        }
        Ok(TlsSettings {
            mode,
            negotiation,
            roots: roots(parameters, env),
            client: client_files(parameters, env),
            versions: versions(parameters)?,
        })
    }

    /// A connector that reads no file and is good for connections without TLS.
    pub(crate) fn plain() -> Result<MakeRustlsConnect, TlsError> {
        let builder = builder(&[&TLS12, &TLS13])?.with_root_certificates(RootCertStore::empty());
        Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
    }

    /// A connector with the certificates as they are in their files now.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, TlsError> {
        let builder = self.with_verification(builder(&self.versions)?)?;
        let mut config = match self.client_certificate()? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
            None => builder.with_no_client_auth(),
        };
        if self.negotiation == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    /// `require` verifies the chain if there are root certificates, as in libpq. Below it nothing is verified, since a
    /// server that fails would be given a connection without TLS instead.
    fn with_verification(
        &self,
        builder: ConfigBuilder<ClientConfig, rustls::WantsVerifier>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
        let trusted = match &self.roots {
            Some(files) if self.mode >= Mode::Require => Some(trusted(files)?),
            None if self.mode >= Mode::VerifyCa => return Err(TlsError::NoRoots),
            _ => None,
        };
        let algorithms = builder.crypto_provider().signature_verification_algorithms;
        let verifier = ServerCertificate::new(trusted, self.mode == Mode::VerifyFull, algorithms);
        Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }

    fn client_certificate(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, TlsError> {
        let Some(files) = &self.client else { return Ok(None) };
        if files.by_default && !(files.certificate.exists() && files.key.exists()) {
            return Ok(None);
        }
        let chain = certificates("client certificate", &files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&content("unencrypted client key", &files.key)?);
        let key = key.map_err(|_| TlsError::Key { file: files.key.clone() })?;
        Ok(Some((chain, key)))
    }
}

/// A failed handshake in words, with what to do about the commonest causes.
pub(crate) fn in_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error::InvalidCertificate};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by none of the root certificates".to_owned()
        }
        InvalidCertificate(CertificateError::Other(other)) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "the server's certificate is self-signed and not among the root certificates".to_owned()
            }
            "UnsupportedCertVersion" => "the server's certificate is of X.509 version 1, which cannot be verified: \
                 have one of version 3 made, or use sslmode=require without root certificates"
                .to_owned(),
            problem => format!("the server's certificate is not valid: {problem}"),
        },
        other => other.to_string(),
    }
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?)
}

/// The files of which the first that exists holds the root certificates, if any are asked for or there by default.
fn roots(parameters: &Parameters, env: &Environment) -> Option<Vec<PathBuf>> {
    match parameters.get("sslrootcert").map(String::as_str) {
        Some("system") => {
            let own = env.variable("SSL_CERT_FILE").into_iter();
            Some(own.chain(SYSTEM_ROOTS).map(PathBuf::from).collect())
        }
        Some(file) => Some(vec![env.expand(file)]),
        None => env.home_file(".postgresql/root.crt").filter(|file| file.exists()).map(|file| vec![file]),
    }
}

fn client_files(parameters: &Parameters, env: &Environment) -> Option<ClientFiles> {
    let named = |name, default| match parameters.get(name) {
        Some(file) => Some(env.expand(file)),
        None => env.home_file(default),
    };
    Some(ClientFiles {
        certificate: named("sslcert", ".postgresql/postgresql.crt")?,
        key: named("sslkey", ".postgresql/postgresql.key")?,
        by_default: !parameters.contains_key("sslcert"),
    })
}

fn versions(parameters: &Parameters) -> Result<Vec<&'static SupportedProtocolVersion>, TargetError> {
    let known = [("TLSv1", 10), ("TLSv1.1", 11), ("TLSv1.2", 12), ("TLSv1.3", 13)];
    let lowest = word(parameters, "ssl_min_protocol_version", &known)?.unwrap_or(12);
    let highest = word(parameters, "ssl_max_protocol_version", &known)?.unwrap_or(13);
    let spoken = [(12, &TLS12), (13, &TLS13)];
    let versions: Vec<_> = spoken
        .into_iter()
        .filter(|(version, _)| (lowest..=highest).contains(version))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(TargetError::value("ssl_max_protocol_version", "expected a range with TLSv1.2 or TLSv1.3 in it"));
    }
    Ok(versions)
}

fn trusted(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = files.iter().find(|file| file.exists()).or(files.first()).ok_or(TlsError::NoRoots)?;
    certificates("root certificate", file)
}

fn content(what: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(file).map_err(|error| TlsError::File { what, file: file.to_owned(), error })
}

fn certificates(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::Pem { what, file: file.to_owned(), error };
    let content = content(what, file)?;
    let certificates = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { what, file: file.to_owned() });
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(conninfo: &str) -> Result<TlsSettings, String> {
        let env = Environment::from_variables([("HOME", "/nonexistent")]);
        let parameters = crate::parameters::gather(conninfo, &env).unwrap();
        TlsSettings::from_parameters(&parameters, &env).map_err(|error| error.to_string())
    }

    #[test]
    fn modes() {
        assert_eq!(settings("").unwrap().mode, Mode::Prefer);
        assert_eq!(settings("sslmode=verify-ca").unwrap().mode, Mode::VerifyCa);
        assert_eq!(settings("sslrootcert=system").unwrap().mode, Mode::VerifyFull);
        assert_eq!(
            settings("sslmode=on").err().unwrap(),
            "sslmode: expected one of disable, allow, prefer, require, verify-ca, verify-full"
        );
        assert_eq!(
            settings("sslmode=require sslrootcert=system").err().unwrap(),
            "sslmode: sslrootcert=system needs verify-full"
        );
        assert!(settings("sslnegotiation=direct").is_err());
        assert!(settings("sslnegotiation=direct sslmode=require").is_ok());
    }

    #[test]
    fn versions_of_the_protocol() {
        assert_eq!(settings("").unwrap().versions.len(), 2);
        assert_eq!(settings("ssl_min_protocol_version=TLSv1.3").unwrap().versions, [&TLS13]);
        assert!(settings("ssl_max_protocol_version=TLSv1.1").is_err());
    }

    #[test]
    fn files_that_do_not_serve_are_named() {
        let error = |conninfo| settings(conninfo).unwrap().connector().err().unwrap().to_string();
        assert_eq!(
            error("sslmode=verify-full"),
            "no root certificates to verify the server with: give sslrootcert=FILE or sslrootcert=system"
        );
        let missing = error("sslmode=verify-ca sslrootcert=~/root.crt");
        assert!(missing.starts_with("cannot read root certificate /nonexistent/root.crt: "), "{missing}");
        let missing = error("sslcert=/nonexistent/c.crt sslkey=/nonexistent/c.key");
        assert!(missing.starts_with("cannot read client certificate /nonexistent/c.crt: "), "{missing}");
        let empty = error("sslmode=verify-ca sslrootcert=/dev/null");
        assert_eq!(empty, "root certificate /dev/null: no usable certificate in it");
    }
}
