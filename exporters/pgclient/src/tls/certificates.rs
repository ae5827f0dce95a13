//! Files of certificates.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::TlsError;

fn content(what: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(file).map_err(|error| TlsError::File { what, file: file.to_owned(), error })
}

/// All certificates of a PEM file; other sections, such as a key, are skipped.
pub(super) fn certificates(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::Pem { what, file: file.to_owned(), error };
    let content = content(what, file)?;
    let certificates = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { what, file: file.to_owned() });
    }
    Ok(certificates)
}
