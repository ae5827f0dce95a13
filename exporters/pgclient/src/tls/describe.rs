//! Descriptions of failed TLS handshakes.

/// Describes a failed handshake, with a remedy for the most frequent causes.
pub(crate) fn describe(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error::InvalidCertificate};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is not signed by any of the root certificates (see sslrootcert)".to_owned()
        }
        InvalidCertificate(CertificateError::Other(other)) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "the server's certificate is self-signed and not among the root certificates (see sslrootcert)"
                    .to_owned()
            }
            "UnsupportedCertVersion" => "the server's certificate is X.509 version 1, which cannot be verified \
                 (create a version 3 certificate, or use sslmode=require without root certificates)"
                .to_owned(),
            problem => format!("the server's certificate is not valid: {problem}"),
        },
        other => other.to_string(),
    }
}
