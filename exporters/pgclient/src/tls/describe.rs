//! Descriptions of failed TLS handshakes.

use rustls::AlertDescription::{DecryptError, HandshakeFailure, ProtocolVersion, UnknownCA};
use rustls::CertificateError::{
    NotValidForNameContext, Other, UnknownIssuer, UnsupportedSignatureAlgorithmContext,
    UnsupportedSignatureAlgorithmForPublicKeyContext,
};
use rustls::Error::{AlertReceived, InvalidCertificate};

/// Describes a failed handshake, with a remedy for the most frequent causes.
pub(crate) fn describe(error: &rustls::Error) -> String {
    let text = match error {
        AlertReceived(HandshakeFailure) => {
            "the server found no cipher or signature in common: supported are its certificates with a key of RSA, \
             ECDSA P-256 or P-384, or Ed25519 (not P-521, not RSA-PSS), and ciphers with ECDHE and AES-GCM or ChaCha20"
        }
        AlertReceived(ProtocolVersion) => {
            "the server supports neither TLSv1.2 nor TLSv1.3 (see its ssl_min_protocol_version and \
             ssl_max_protocol_version)"
        }
        AlertReceived(UnknownCA) => {
            "the server does not trust the client certificate (its issuer has to be in the server's ssl_ca_file; \
             set sslcert to a file with the certificate and its intermediate authorities)"
        }
        AlertReceived(DecryptError) => {
            "the server does not accept the client's signature (does sslkey belong to sslcert?)"
        }
        InvalidCertificate(UnknownIssuer) => {
            "the server's certificate is not signed by any of the root certificates (see sslrootcert)"
        }
        InvalidCertificate(
            UnsupportedSignatureAlgorithmContext { .. } | UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => {
            "the server's certificate, or one of its authorities, is signed with an algorithm that is not supported: \
             sign it with RSA, ECDSA P-256 or P-384, or Ed25519 (not P-521, RSA-PSS keys or SHA-1), or use \
             sslmode=require without root certificates"
        }
        InvalidCertificate(NotValidForNameContext { presented, .. }) if presented.is_empty() => {
            "the server's certificate has no subjectAltName, and its CN is not used (create one with \
             subjectAltName=DNS:HOST, or use sslmode=verify-ca)"
        }
        InvalidCertificate(Other(other)) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "the server's certificate is self-signed and not among the root certificates (see sslrootcert)"
            }
            "UnsupportedCertVersion" => {
                "the server's certificate is X.509 version 1, which cannot be verified (create a version 3 certificate \
                 with openssl x509 -req -extfile; or add this certificate to the file of sslrootcert and use \
                 sslmode=verify-ca; or use sslmode=require without root certificates)"
            }
            problem => return format!("the server's certificate is not valid: {problem}"),
        },
        other => return other.to_string(),
    };
    text.to_owned()
}
