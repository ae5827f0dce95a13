//! Verifies a server's certificate as libpq does: nothing, its chain, or its chain and its name.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::expiry::CertificateExpiry;
use super::public_key::version_1_key;

/// Verifies a server's certificate as far as configured. That the server has the certificate's key is always verified.
#[derive(Debug)]
pub(crate) struct ServerCertVerification {
    roots: Option<RootCertStore>,
    trusted: Vec<CertificateDer<'static>>,
    name: bool,
    algorithms: WebPkiSupportedAlgorithms,
    expiry: CertificateExpiry,
}

impl ServerCertVerification {
    /// `trusted` are the root certificates, `None` to verify nothing; `name` is whether to verify the name.
    pub(crate) fn new(
        trusted: Option<Vec<CertificateDer<'static>>>,
        name: bool,
        algorithms: WebPkiSupportedAlgorithms,
        expiry: CertificateExpiry,
    ) -> Self {
        let roots = trusted.as_ref().map(|certificates| {
            let mut roots = RootCertStore::empty();
            // A bundle may contain unusable certificates; a chain that needs one of them fails.
            roots.add_parsable_certificates(certificates.iter().cloned());
            roots
        });
        Self { roots, trusted: trusted.unwrap_or_default(), name, algorithms, expiry }
    }
}

impl ServerCertVerification {
    /// Verifies the signature by the key of a version 1 certificate; otherwise the error remains.
    fn verify_with_version_1_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        error: Error,
    ) -> Result<HandshakeSignatureValid, Error> {
        match version_1_key(certificate) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms),
            None => Err(error),
        }
    }
}

impl ServerCertVerifier for ServerCertVerification {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.expiry.note(end_entity);
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        // A self-signed certificate that is itself among the roots is trusted because it is identical: it is usually marked
        // as an authority, which webpki refuses as a server certificate.
        if !self.trusted.iter().any(|trusted| trusted == end_entity) {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        if self.name {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
            .or_else(|error| self.verify_with_version_1_key(message, certificate, signature, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
            .or_else(|error| self.verify_with_version_1_key(message, certificate, signature, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
