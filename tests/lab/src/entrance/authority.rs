//! The certificate authority of the way in.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::LabError;

/// A certificate authority.
#[derive(Debug)]
pub(super) struct Authority {
    /// Its own certificate, in PEM.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
#[derive(Debug)]
pub(super) struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// A new one.
    pub(super) fn new() -> Result<Authority, LabError> {
        let made = || {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, "lab");
            let key = KeyPair::generate()?;
            let pem = params.self_signed(&key)?.pem();
            Ok(Authority { pem, issuer: Issuer::new(params, key) })
        };
        made().map_err(failed)
    }

    /// A certificate for a host, valid until that year begins.
    pub(super) fn issue(&self, host: &str, year: i32) -> Result<Issued, LabError> {
        let made = || {
            let mut params = CertificateParams::new(vec![host.to_owned()])?;
            params.not_after = date_time_ymd(year, 1, 1);
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &self.issuer)?.pem();
            Ok(Issued { certificate, key: key.serialize_pem() })
        };
        made().map_err(failed)
    }
}

fn failed(error: rcgen::Error) -> LabError {
    LabError::Unexpected(format!("making a certificate: {error}"))
}
