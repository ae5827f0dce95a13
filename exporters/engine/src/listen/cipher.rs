//! TLS versions, cipher suites and curves: from Go's names to what rustls offers.

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use serde::Deserialize;

use super::error::ListenError;
use super::watched_files::WatchedFiles;

/// `min_version`. The two old ones are accepted and mean TLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum MinVersion {
    /// TLS 1.0, which rustls lacks.
    #[serde(rename = "TLS10")]
    Tls10,
    /// TLS 1.1, which rustls lacks.
    #[serde(rename = "TLS11")]
    Tls11,
    /// TLS 1.2.
    #[serde(rename = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS13")]
    Tls13,
}

/// `max_version`. Old versions are rejected: no client could connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum MaxVersion {
    /// TLS 1.2.
    #[serde(rename = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS13")]
    Tls13,
}

/// The TLS versions from `min` (default 1.2) to `max` (default 1.3).
///
/// # Errors
/// There is none.
pub(super) fn versions(
    min: Option<MinVersion>,
    max: Option<MaxVersion>,
    files: &mut WatchedFiles,
) -> Result<Vec<&'static SupportedProtocolVersion>, ListenError> {
    if matches!(min, Some(MinVersion::Tls10 | MinVersion::Tls11)) {
        files.warn("tls_server_config: min_version below TLS12 is not supported, TLS12 is used");
    }
    match (min, max) {
        (Some(MinVersion::Tls13), Some(MaxVersion::Tls12)) => {
            Err(files.wrong("tls_server_config: min_version TLS13 is above max_version TLS12"))
        }
        (Some(MinVersion::Tls13), _) => Ok(vec![&TLS13]),
        (_, Some(MaxVersion::Tls12)) => Ok(vec![&TLS12]),
        _ => Ok(vec![&TLS13, &TLS12]),
    }
}

/// One of `cipher_suites`, by Go's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Cipher {
    /// One rustls has.
    Offered(SupportedCipherSuite),
    /// One Go has and rustls, for good reasons, lacks.
    Lacking(String),
}

/// What Go accepts under `cipher_suites` beyond rustls: no forward secrecy, or CBC.
const LACKING: [&str; 8] = [
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

impl TryFrom<String> for Cipher {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if let Some(suite) = ring::ALL_CIPHER_SUITES.iter().find(|suite| go_name(suite) == Some(name.clone())) {
            Ok(Self::Offered(*suite))
        } else if LACKING.contains(&name.as_str()) {
            Ok(Self::Lacking(name))
        } else {
            Err(format!("unknown cipher suite `{name}`"))
        }
    }
}

/// Go's name of a suite, which differs from rustls's for TLS 1.3.
fn go_name(suite: &SupportedCipherSuite) -> Option<String> {
    suite.suite().as_str().map(|name| name.replacen("TLS13_", "TLS_", 1))
}

/// One of `curve_preferences`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Curve {
    /// X25519.
    X25519,
    /// NIST P-256.
    CurveP256,
    /// NIST P-384.
    CurveP384,
    /// NIST P-521, which rustls lacks.
    CurveP521,
}

impl Curve {
    fn group(self) -> Option<&'static dyn SupportedKxGroup> {
        match self {
            Self::X25519 => Some(ring::kx_group::X25519),
            Self::CurveP256 => Some(ring::kx_group::SECP256R1),
            Self::CurveP384 => Some(ring::kx_group::SECP384R1),
            Self::CurveP521 => None,
        }
    }
}

/// The cryptography to use: `ciphers` limits the suites of TLS 1.2 (those of 1.3 are always on, as in Go), `curves` the key
/// exchange. `None` or an empty list is everything rustls has.
///
/// # Errors
/// Nothing is left of a list.
pub(super) fn provider(
    ciphers: Option<&[Cipher]>,
    curves: Option<&[Curve]>,
    files: &mut WatchedFiles,
) -> Result<CryptoProvider, ListenError> {
    let mut provider = ring::default_provider();
    if let Some(ciphers) = ciphers.filter(|list| !list.is_empty()) {
        let listed = offered_suites(ciphers, files)?;
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(listed.into_iter().filter(|suite| suite.tls13().is_none()));
    }
    if let Some(curves) = curves.filter(|list| !list.is_empty()) {
        provider.kx_groups = curves.iter().filter_map(|curve| curve.group()).collect();
        if curves.contains(&Curve::CurveP521) {
            files.warn("tls_server_config: curve_preferences: CurveP521 is not supported and ignored");
        }
        if provider.kx_groups.is_empty() {
            return Err(files.wrong("tls_server_config: curve_preferences names no supported curve"));
        }
    }
    Ok(provider)
}

fn offered_suites(ciphers: &[Cipher], files: &mut WatchedFiles) -> Result<Vec<SupportedCipherSuite>, ListenError> {
    let mut offered = Vec::new();
    for cipher in ciphers {
        match cipher {
            Cipher::Offered(suite) => offered.push(*suite),
            Cipher::Lacking(name) => {
                files.warn(format!("tls_server_config: cipher_suites: {name} is not supported and ignored"));
            }
        }
    }
    if offered.is_empty() {
        return Err(files.wrong("tls_server_config: cipher_suites names no supported cipher suite"));
    }
    Ok(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> WatchedFiles {
        WatchedFiles::new("web.yml".into())
    }

    fn ciphers(names: &[&str]) -> Vec<Cipher> {
        names.iter().map(|name| Cipher::try_from((*name).to_owned()).unwrap()).collect()
    }

    #[test]
    fn limits_only_the_suites_of_tls_1_2() {
        let mut files = files();
        let listed = ciphers(&["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"]);
        let provider = provider(Some(&listed), None, &mut files).unwrap();
        let names: Vec<String> = provider.cipher_suites.iter().filter_map(go_name).collect();
        assert_eq!(
            names,
            [
                "TLS_AES_256_GCM_SHA384",
                "TLS_AES_128_GCM_SHA256",
                "TLS_CHACHA20_POLY1305_SHA256",
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
            ]
        );
        assert_eq!(
            files.warnings,
            ["tls_server_config: cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA is not supported and ignored"]
        );
    }

    #[test]
    fn rejects_a_list_without_a_supported_entry() {
        let lacking = ciphers(&["TLS_RSA_WITH_AES_128_CBC_SHA"]);
        let error = provider(Some(&lacking), None, &mut files()).unwrap_err();
        assert_eq!(error.to_string(), "web.yml: tls_server_config: cipher_suites names no supported cipher suite");
        let error = provider(None, Some(&[Curve::CurveP521]), &mut files()).unwrap_err();
        assert_eq!(error.to_string(), "web.yml: tls_server_config: curve_preferences names no supported curve");
    }

    #[test]
    fn treats_old_minimum_versions_as_tls_1_2() {
        let mut files = files();
        assert_eq!(versions(Some(MinVersion::Tls10), None, &mut files).unwrap(), [&TLS13, &TLS12]);
        assert_eq!(files.warnings.len(), 1);
        assert_eq!(versions(Some(MinVersion::Tls13), None, &mut files).unwrap(), [&TLS13]);
        assert_eq!(versions(None, Some(MaxVersion::Tls12), &mut files).unwrap(), [&TLS12]);
        assert!(versions(Some(MinVersion::Tls13), Some(MaxVersion::Tls12), &mut files).is_err());
    }
}
