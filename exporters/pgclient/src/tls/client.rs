//! The client's certificate and key.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};

use super::certificates::certificates;
use super::error::TlsError;
use super::public_key::public_key;
use crate::conninfo::parameters::Parameters;
use crate::environment::Environment;

const CERTIFICATE: &str = "client certificate";
const KEY: &str = "unencrypted client key";

/// Where they are.
#[derive(Clone)]
pub(super) struct ClientFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// Default paths, used only if both files exist.
    by_default: bool,
}

impl ClientFiles {
    pub(super) fn from_parameters(parameters: &Parameters, env: &Environment) -> Option<Self> {
        let named = |name, default| match parameters.get(name) {
            Some(file) => Some(env.expand(file)),
            None => env.home_file(default),
        };
        Some(Self {
            certificate: named("sslcert", ".postgresql/postgresql.crt")?,
            key: named("sslkey", ".postgresql/postgresql.key")?,
            by_default: !parameters.contains_key("sslcert"),
        })
    }

    /// The certificate as the files contain it now; `None` without default files.
    ///
    /// The server validates it. Here it can be of any version, and expired.
    pub(super) fn resolver(&self) -> Result<Option<Arc<dyn ResolvesClientCert>>, TlsError> {
        if self.by_default && !(self.certificate.exists() && self.key.exists()) {
            return Ok(None);
        }
        let chain = certificates(CERTIFICATE, &self.certificate)?;
        let key = self.signing_key()?;
        let empty = || TlsError::Empty { what: CERTIFICATE, file: self.certificate.clone() };
        let certified = chain.first().and_then(public_key).ok_or_else(empty)?;
        if key.public_key().is_some_and(|own| own != certified) {
            return Err(TlsError::KeyMismatch { key: self.key.clone(), certificate: self.certificate.clone() });
        }
        Ok(Some(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))))
    }

    fn signing_key(&self) -> Result<Arc<dyn SigningKey>, TlsError> {
        let file = || self.key.clone();
        let content = private_content(&self.key)?;
        let has = |text: &[u8]| content.windows(text.len()).any(|window| window == text);
        // The second is the older form of OpenSSL.
        if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
            return Err(TlsError::EncryptedKey { file: file() });
        }
        let key = if has(b"-----BEGIN ") {
            PrivateKeyDer::from_pem_slice(&content).ok()
        } else {
            PrivateKeyDer::try_from(content).ok()
        };
        any_supported_type(&key.ok_or_else(|| TlsError::Key { file: file() })?)
            .map_err(|_| TlsError::KeyKind { file: file() })
    }
}

/// The content of a key file that others cannot read.
fn private_content(file: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::File { what: KEY, file: file.to_owned(), error };
    let (opened, metadata) = files::open(file).map_err(failed)?;
    if is_accessible_to_others(&metadata) {
        let mode = metadata.permissions().mode() & 0o777;
        return Err(TlsError::KeyMode { file: file.to_owned(), mode });
    }
    files::bounded(opened, &metadata).map_err(failed)
}

/// As libpq decides it: a group may read a key of root's.
fn is_accessible_to_others(metadata: &Metadata) -> bool {
    let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    metadata.is_file() && metadata.permissions().mode() & others != 0
}
