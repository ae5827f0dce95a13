//! TLS by libpq's `sslmode` and related parameters, with rustls.

mod certificates;
mod client;
pub(crate) mod describe;
mod error;
mod expiry;
mod public_key;
mod verifier;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion};
use tokio_postgres::config::SslNegotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::certificates::certificates;
use self::client::ClientFiles;
pub(crate) use self::error::TlsError;
pub(crate) use self::expiry::CertificateExpiry;
use self::verifier::ServerCertVerification;
use crate::conninfo::parameters::{Parameters, keyword};
use crate::environment::Environment;
use crate::error::TargetError;

/// libpq's `sslmode`, from the least to the most strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum TlsMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

const MODES: [(&str, TlsMode); 6] = [
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Allow),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How to encrypt and whom to trust. Holds paths only; [`TlsSettings::connector`] reads the files.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub mode: TlsMode,
    pub negotiation: SslNegotiation,
    roots: Option<Vec<PathBuf>>,
    client: Option<ClientFiles>,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether to send the server's name.
    name_indication: bool,
}

impl TlsSettings {
    pub(crate) fn from_parameters(parameters: &Parameters, env: &Environment) -> Result<Self, TargetError> {
        let system_roots = parameters.get("sslrootcert").is_some_and(|value| value == "system");
        let mode = keyword(parameters, "sslmode", &MODES)?;
        if system_roots && mode.is_some_and(|mode| mode < TlsMode::VerifyFull) {
            // Anyone can get a certificate from these authorities, for a name of their own.
            return Err(TargetError::value("sslmode", "expected verify-full with sslrootcert=system"));
        }
        let default_mode = if system_roots { TlsMode::VerifyFull } else { TlsMode::Prefer };
        let mode = mode.unwrap_or(default_mode);
        let negotiations = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
        let negotiation = keyword(parameters, "sslnegotiation", &negotiations)?.unwrap_or_default();
        if negotiation == SslNegotiation::Direct && mode < TlsMode::Require {
            return Err(TargetError::value("sslnegotiation", "direct requires sslmode=require or stricter"));
        }
        for name in ["sslcert", "sslkey", "sslrootcert"] {
            // Shown with the value, a key would get into the log.
            if parameters.get(name).is_some_and(|value| value.contains("-----BEGIN")) {
                let problem = "expected the path of a file, found the content: write it to a file and name that";
                return Err(TargetError::value(name, problem));
            }
        }
        let shows_certificate = keyword(parameters, "sslcertmode", &[("disable", false), ("allow", true)])?;
        let client = ClientFiles::from_parameters(parameters, env).filter(|_| shows_certificate.unwrap_or(true));
        Ok(Self {
            mode,
            negotiation,
            roots: roots(parameters, env),
            client,
            versions: versions(parameters)?,
            name_indication: keyword(parameters, "sslsni", &[("0", false), ("1", true)])?.unwrap_or(true),
        })
    }

    /// A connector for connections without TLS, which reads no files.
    pub(crate) fn plain() -> Result<MakeRustlsConnect, TlsError> {
        let builder = builder(&[&TLS12, &TLS13])?.with_root_certificates(RootCertStore::empty());
        Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
    }

    /// A connector with the certificates that the files contain now. It notes the expiry of the server's certificate.
    pub(crate) fn connector(&self, expiry: &CertificateExpiry) -> Result<MakeRustlsConnect, TlsError> {
        let builder = self.with_verification(builder(&self.versions)?, expiry)?;
        let certificate = self.client.as_ref().map(ClientFiles::resolver).transpose()?.flatten();
        let mut config = match certificate {
            Some(certificate) => builder.with_client_cert_resolver(certificate),
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.name_indication;
        if self.negotiation == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    /// `require` verifies the chain if there are root certificates, as in libpq. Weaker modes verify nothing, since they
    /// would fall back to a connection without TLS.
    fn with_verification(
        &self,
        builder: ConfigBuilder<ClientConfig, rustls::WantsVerifier>,
        expiry: &CertificateExpiry,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
        let trusted = match &self.roots {
            Some(files) if self.mode >= TlsMode::Require => Some(trusted(files)?),
            None if self.mode >= TlsMode::VerifyCa => return Err(TlsError::NoRoots),
            _ => None,
        };
        let algorithms = builder.crypto_provider().signature_verification_algorithms;
        let verify_name = self.mode == TlsMode::VerifyFull;
        let verifier = ServerCertVerification::new(trusted, verify_name, algorithms, expiry.clone());
        Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }
}

/// A TLS client for protocols other than PostgreSQL's. It accepts a server whose certificate is for its name and from an
/// authority of `ca_file`, or of the system.
///
/// # Errors
/// When the file cannot be read or contains no certificate.
pub fn verifying_client(
    ca_file: Option<&Path>,
    env: &Environment,
) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let files = ca_file.map_or_else(|| system_roots(env), |file| vec![file.to_owned()]);
    let builder = builder(&[&TLS12, &TLS13])?;
    let algorithms = builder.crypto_provider().signature_verification_algorithms;
    let trusted = Some(trusted(&files)?);
    let verifier = ServerCertVerification::new(trusted, true, algorithms, CertificateExpiry::default());
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?)
}

/// The candidate files for root certificates, of which the first that exists is used; `None` if none are configured.
fn roots(parameters: &Parameters, env: &Environment) -> Option<Vec<PathBuf>> {
    match parameters.get("sslrootcert").map(String::as_str) {
        Some("system") => Some(system_roots(env)),
        Some(file) => Some(vec![env.expand(file)]),
        None => env.home_file(".postgresql/root.crt").filter(|file| file.exists()).map(|file| vec![file]),
    }
}

/// The files that may have the system's root certificates.
fn system_roots(env: &Environment) -> Vec<PathBuf> {
    let own = env.value("SSL_CERT_FILE").map(PathBuf::from);
    own.into_iter().chain(SYSTEM_ROOTS.map(PathBuf::from)).collect()
}

fn versions(parameters: &Parameters) -> Result<Vec<&'static SupportedProtocolVersion>, TargetError> {
    let versions = [("TLSv1", 10), ("TLSv1.1", 11), ("TLSv1.2", 12), ("TLSv1.3", 13)];
    let lowest = keyword(parameters, "ssl_min_protocol_version", &versions)?.unwrap_or(12);
    let highest = keyword(parameters, "ssl_max_protocol_version", &versions)?.unwrap_or(13);
    let supported = [(12, &TLS12), (13, &TLS13)];
    let versions: Vec<_> = supported
        .into_iter()
        .filter(|(version, _)| (lowest..=highest).contains(version))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(TargetError::value(
            "ssl_max_protocol_version",
            "expected a range that includes TLSv1.2 or TLSv1.3",
        ));
    }
    Ok(versions)
}

fn trusted(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = files.iter().find(|file| file.exists()).or(files.first()).ok_or(TlsError::NoRoots)?;
    certificates("root certificate", file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(conninfo: &str) -> Result<TlsSettings, String> {
        let env = Environment::from_variables([("HOME", "/nonexistent")]);
        let parameters = crate::conninfo::read(conninfo, &env).map_err(|error| error.to_string())?.parameters;
        TlsSettings::from_parameters(&parameters, &env).map_err(|error| error.to_string())
    }

    #[test]
    fn parses_modes() {
        assert_eq!(settings("").unwrap().mode, TlsMode::Prefer);
        assert_eq!(settings("sslmode=verify-ca").unwrap().mode, TlsMode::VerifyCa);
        assert_eq!(settings("sslrootcert=system").unwrap().mode, TlsMode::VerifyFull);
        assert_eq!(
            settings("sslmode=on").err().unwrap(),
            "sslmode: expected one of disable, allow, prefer, require, verify-ca, verify-full"
        );
        assert_eq!(
            settings("sslmode=require sslrootcert=system").err().unwrap(),
            "sslmode: expected verify-full with sslrootcert=system"
        );
        assert!(settings("sslnegotiation=direct").is_err());
        assert!(settings("sslnegotiation=direct sslmode=require").is_ok());
    }

    #[test]
    fn selects_protocol_versions() {
        assert_eq!(settings("").unwrap().versions.len(), 2);
        assert_eq!(settings("ssl_min_protocol_version=TLSv1.3").unwrap().versions, [&TLS13]);
        assert!(settings("ssl_max_protocol_version=TLSv1.1").is_err());
    }

    #[test]
    fn refuses_content_in_place_of_a_path() {
        for name in ["sslcert", "sslkey", "sslrootcert"] {
            let error = settings(&format!("sslinline=true {name}='-----BEGIN s3cret'")).err().unwrap();
            assert!(error.starts_with(&format!("{name}: expected the path of a file")), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn sends_certificate_and_name_unless_told_otherwise() {
        assert!(settings("").unwrap().client.is_some() && settings("sslcertmode=allow").unwrap().client.is_some());
        assert!(settings("sslcertmode=disable").unwrap().client.is_none());
        assert_eq!(settings("sslcertmode=require").err().unwrap(), "sslcertmode: expected one of disable, allow");
        assert!(settings("sslsni=1").unwrap().name_indication && !settings("sslsni=0").unwrap().name_indication);
    }

    #[test]
    fn errors_name_the_unusable_file() {
        let error =
            |conninfo| settings(conninfo).unwrap().connector(&CertificateExpiry::default()).err().unwrap().to_string();
        assert_eq!(
            error("sslmode=verify-full"),
            "no root certificates to verify the server (set sslrootcert=FILE or sslrootcert=system)"
        );
        let missing = error("sslmode=verify-ca sslrootcert=~/root.crt");
        assert!(missing.starts_with("cannot read root certificate /nonexistent/root.crt: "), "{missing}");
        let missing = error("sslcert=/nonexistent/c.crt sslkey=/nonexistent/c.key");
        assert!(missing.starts_with("cannot read client certificate /nonexistent/c.crt: "), "{missing}");
        let empty = error("sslmode=verify-ca sslrootcert=/dev/null");
        assert_eq!(empty, "root certificate /dev/null: contains no usable certificate");
    }
}
