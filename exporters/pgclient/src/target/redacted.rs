//! Parts of the URL that stands for a target in logs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_postgres::config::Host;

use crate::conninfo::parameters::Parameters;
use crate::server::ServerAddress;

/// All but the characters that need no encoding anywhere in a URL.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// An IPv6 address stands in brackets with its colons.
const BRACKETED: &AsciiSet = &NAME.remove(b':');
/// In a value of the query a few more characters are unambiguous.
const VALUE: &AsciiSet = &NAME.remove(b'/').remove(b',').remove(b':');

/// Percent-encodes a user, host or database name.
pub(super) fn encode_name(name: &str) -> String {
    utf8_percent_encode(name, NAME).to_string()
}

/// A server as `host:port`.
pub(super) fn url_host(server: &ServerAddress) -> String {
    match &server.host {
        Host::Tcp(name) if name.contains(':') => format!("[{}]:{}", utf8_percent_encode(name, BRACKETED), server.port),
        _ => format!("{}:{}", encode_name(&server.host_name()), server.port),
    }
}

/// The parameters that have no other place in the URL, as `?name=value&…`.
pub(super) fn url_query(parameters: &Parameters) -> String {
    let elsewhere = ["host", "port", "user", "dbname"];
    let parameters = parameters.iter().filter(|(name, _)| !elsewhere.contains(&name.as_str()));
    let parameters = parameters.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, VALUE)));
    let query = parameters.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn encodes_what_decoding_restores() {
        let text = "a b/%?&@é\n\"-._~";
        assert_eq!(encode_name(text), "a%20b%2F%25%3F%26%40%C3%A9%0A%22-._~");
        assert_eq!(percent_decode_str(&encode_name(text)).decode_utf8().unwrap(), text);
        assert_eq!(utf8_percent_encode("a/b,c:d=e", VALUE).to_string(), "a/b,c:d%3De");
    }
}
