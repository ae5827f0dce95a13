//! Which client certificates are requested and accepted.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use serde::Deserialize;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `client_auth_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum ClientAuth {
    /// No certificate is asked for.
    #[default]
    NoClientCert,
    /// One may be sent; it is not verified.
    RequestClientCert,
    /// One must be sent; it is not verified.
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    /// One may be sent, and must then be signed by the client CA.
    VerifyClientCertIfGiven,
    /// One must be sent and be signed by the client CA.
    RequireAndVerifyClientCert,
}

impl ClientAuth {
    /// Whether a client without a certificate is refused.
    pub(super) fn is_mandatory(self) -> bool {
        matches!(self, Self::RequireAnyClientCert | Self::RequireAndVerifyClientCert)
    }

    /// Whether certificates are verified against the client CA.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyClientCertIfGiven | Self::RequireAndVerifyClientCert)
    }
}

/// The policy rustls asks: whether a certificate must be sent, who must have signed it, whose it must be.
#[derive(Debug)]
pub(super) struct ClientCertificates {
    mandatory: bool,
    /// `None` accepts a certificate whoever signed it.
    signers: Option<Arc<dyn ClientCertVerifier>>,
    /// `None` accepts a certificate whatever names it holds.
    allowed_sans: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertificates {
    /// The policy for `auth`; `roots` are the client CAs and only looked at if `auth` verifies.
    ///
    /// # Errors
    /// `auth` verifies and `roots` is empty.
    pub(super) fn new(
        auth: ClientAuth,
        roots: RootCertStore,
        allowed_sans: Option<Vec<String>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let signers = if auth.verifies() {
            Some(WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build()?)
        } else {
            None
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { mandatory: auth.is_mandatory(), signers, allowed_sans, algorithms })
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signers.as_ref().map_or(&[], |signers| signers.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(signers) = &self.signers {
            signers.verify_client_cert(end_entity, intermediates, now)?;
        }
        if let Some(allowed) = &self.allowed_sans {
            let names = subject_alternative_names(end_entity).ok_or(CertificateError::BadEncoding)?;
            if !names.iter().any(|name| allowed.contains(name)) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// DNS names, e-mail addresses, URIs and IP addresses of a certificate; `None` if it cannot be parsed.
fn subject_alternative_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let Some((_, SubjectAltName(names))) = certificate.tbs_certificate.get::<SubjectAltName>().ok()? else {
        return Some(Vec::new());
    };
    Some(names.iter().filter_map(name_text).collect())
}

fn name_text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(text) | GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.to_string())
        }
        GeneralName::IpAddress(octets) => ip_address(octets.as_bytes()).map(|address| address.to_string()),
        _ => None,
    }
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn reads_all_four_kinds_of_alternative_names() {
        let mut params = CertificateParams::new(vec!["db.example".to_owned(), "::1".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::Rfc822Name("dba@db.example".try_into().unwrap()));
        params.subject_alt_names.push(SanType::URI("spiffe://db.example/prometheus".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let names = subject_alternative_names(certificate.der()).unwrap();
        assert_eq!(names, ["db.example", "::1", "dba@db.example", "spiffe://db.example/prometheus"]);
    }

    #[test]
    fn reads_a_certificate_without_alternative_names() {
        let certificate = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(subject_alternative_names(certificate.der()), Some(Vec::new()));
        assert_eq!(subject_alternative_names(&CertificateDer::from_slice(b"no certificate")), None);
    }
}
