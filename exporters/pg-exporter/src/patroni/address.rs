//! The address of Patroni's REST interface: what `--patroni-url` says.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;

/// Where Patroni's REST interface is. Its text has no password.
#[derive(Clone)]
pub(super) struct RestAddress {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: u16,
    pub is_tls: bool,
    /// User and password, as HTTP sends them.
    pub authorization: Option<HeaderValue>,
}

/// Why a URL cannot be used. No text quotes it, since it may have a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("is not a URL: expected http://HOST:PORT or https://HOST:PORT")]
    Syntax,
    #[error("has no scheme that is read: expected http:// or https://")]
    Scheme,
    #[error("has a path or parameters: expected http://HOST:PORT or https://HOST:PORT alone")]
    Path,
    #[error("has a user or a password that is not UTF-8 in percent encoding")]
    User,
}

impl RestAddress {
    /// Reads a URL: `http://127.0.0.1:8008`, `https://user:password@pg-1:8008`.
    pub(super) fn parse(url: &str) -> Result<Self, AddressError> {
        let uri: Uri = url.trim().parse().map_err(|_| AddressError::Syntax)?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(AddressError::Scheme),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(AddressError::Path);
        }
        let authority = uri.authority().ok_or(AddressError::Syntax)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let has_port = authority.as_str().rsplit(['@', ']']).next().is_some_and(|rest| rest.contains(':'));
        if host.is_empty() || (has_port && authority.port_u16().is_none()) {
            return Err(AddressError::Syntax);
        }
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| authorization(user)).transpose()?;
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self { host: host.to_owned(), port, is_tls, authorization: user })
    }

    /// Host and port as the header `Host` has them.
    pub(super) fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for RestAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_tls { "https" } else { "http" }, self.host_and_port())
    }
}

/// The header of `user:password`.
fn authorization(user_and_password: &str) -> Result<HeaderValue, AddressError> {
    let (user, password) = user_and_password.split_once(':').unwrap_or((user_and_password, ""));
    let decoded = |text| percent_decode_str(text).decode_utf8().map_err(|_| AddressError::User);
    let pair = format!("{}:{}", decoded(user)?, decoded(password)?);
    let mut header =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).map_err(|_| AddressError::User)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_port_and_user() {
        for (url, shown, is_tls, user) in [
            ("http://127.0.0.1:8008", "http://127.0.0.1:8008", false, None),
            ("https://pg-1/", "https://pg-1:443", true, None),
            ("http://[::1]:8008", "http://[::1]:8008", false, None),
            ("http://u:s3%40cret@pg-1:8008", "http://pg-1:8008", false, Some("Basic dTpzM0BjcmV0")),
        ] {
            let address = RestAddress::parse(url).unwrap();
            assert_eq!((address.to_string().as_str(), address.is_tls), (shown, is_tls));
            assert_eq!(address.authorization.as_ref().map(|header| header.to_str().unwrap()), user);
            assert!(!format!("{:?}", address.authorization).contains("dTpz"));
        }
        assert_eq!(RestAddress::parse("http://[::1]").unwrap().host, "::1");
    }

    #[test]
    fn errors_do_not_quote_the_url() {
        for (url, expected) in [
            ("pg-1:8008", AddressError::Scheme),
            ("ftp://u:s3cret@pg-1", AddressError::Scheme),
            ("http://", AddressError::Syntax),
            ("http://u:s3cret@pg 1", AddressError::Syntax),
            ("http://u:s3cret@pg-1:http", AddressError::Syntax),
            ("http://u:s3cret@pg-1/patroni", AddressError::Path),
            ("http://u:s3cret@pg-1?x", AddressError::Path),
            ("http://u:%ff@pg-1", AddressError::User),
        ] {
            let error = RestAddress::parse(url).err().unwrap();
            assert!(!error.to_string().contains("s3cret"));
            assert_eq!(error, expected, "{url}");
        }
    }
}
