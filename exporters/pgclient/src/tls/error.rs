//! Errors of TLS files.

use std::path::PathBuf;

/// Why the TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {what} {}: {error}", file.display())]
    File { what: &'static str, file: PathBuf, error: std::io::Error },
    #[error("cannot read {what} {}: {error}", file.display())]
    Pem { what: &'static str, file: PathBuf, error: rustls::pki_types::pem::Error },
    // The parser's message may quote a line of the key.
    #[error("client key {}: contains no valid unencrypted private key (expected PEM, or DER)", file.display())]
    Key { file: PathBuf },
    #[error(
        "client key {0}: is encrypted, and sslpassword is not supported: write it unencrypted with \
         openssl pkey -in {0} -out FILE, and set sslkey=FILE",
        file.display()
    )]
    EncryptedKey { file: PathBuf },
    #[error(
        "client key {}: the kind of key is not supported: expected RSA of 2048 to 8192 bits, ECDSA P-256 or P-384, or \
         Ed25519",
        file.display()
    )]
    KeyKind { file: PathBuf },
    #[error(
        "client key {}: has group or world access (mode 0{mode:o}): expected 0600 or less, or 0640 or less if root owns it",
        file.display()
    )]
    KeyMode { file: PathBuf, mode: u32 },
    #[error("client key {}: does not belong to the client certificate {}", key.display(), certificate.display())]
    KeyMismatch { key: PathBuf, certificate: PathBuf },
    #[error("{what} {}: contains no usable certificate", file.display())]
    Empty { what: &'static str, file: PathBuf },
    #[error("no root certificates to verify the server (set sslrootcert=FILE or sslrootcert=system)")]
    NoRoots,
    #[error("{0}")]
    Setup(#[from] rustls::Error),
}
