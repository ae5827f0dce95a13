//! The public key of a certificate of any version.

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::server::ParsedCertificate;

/// The public key; `None` if this is no certificate.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    match ParsedCertificate::try_from(certificate) {
        Ok(parsed) => Some(parsed.subject_public_key_info().into_owned()),
        Err(_) => version_1_key(certificate),
    }
}

/// The public key of an X.509 version 1 certificate, as `openssl x509 -req` makes without an extension file. Such a
/// certificate cannot be part of a chain, but its key can be used if no chain is verified.
pub(super) fn version_1_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    if ParsedCertificate::try_from(certificate).is_ok() {
        return None;
    }
    let mut store = RootCertStore::empty();
    store.add(certificate.clone().into_owned()).ok()?;
    let content = store.roots.first()?.subject_public_key_info.as_ref();
    Some(in_sequence(content)?.into())
}

/// The DER content wrapped in a SEQUENCE.
fn in_sequence(content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let header: &[u8] = match content.len() {
        0..0x80 => &[0x30, low],
        0x80..0x100 => &[0x30, 0x81, low],
        _ => &[0x30, 0x82, high, low],
    };
    Some([header, content].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_sequence_lengths() {
        let header = |length: usize| in_sequence(&vec![0; length]).map(|der| der[..der.len() - length].to_vec());
        assert_eq!(header(0x7f).unwrap(), [0x30, 0x7f]);
        assert_eq!(header(0x80).unwrap(), [0x30, 0x81, 0x80]);
        assert_eq!(header(0x100).unwrap(), [0x30, 0x82, 1, 0]);
        assert_eq!(header(0x10000), None);
    }
}
