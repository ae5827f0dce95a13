//! When the certificate expires that a server presents.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// The end of validity of the certificate that the server of one connection presents. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CertificateExpiry(Arc<OnceLock<f64>>);

impl CertificateExpiry {
    /// In Unix seconds; `None` if no certificate was presented, or if it cannot be read.
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.0.get().copied()
    }

    /// Notes the certificate of a handshake.
    pub(super) fn note(&self, certificate: &CertificateDer<'_>) {
        if let Ok(certificate) = Certificate::from_der(certificate) {
            let not_after = certificate.tbs_certificate.validity.not_after;
            // The handshake of a cancel request comes later and changes nothing.
            self.0.get_or_init(|| not_after.to_unix_duration().as_secs_f64());
        }
    }
}
