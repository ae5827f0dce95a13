//! A conninfo as a URL: `postgres://user:password@host1:5432,host2/database?sslmode=require`, and its percent-encoding.

use crate::error::TargetError;
use crate::parameters::Parameters;

/// Reads the part of the URL after `postgres://`. Positions in errors count from the start of `whole`, of which `rest`
/// is the tail.
///
/// Parameters after `?` win over those before it. `ssl=true` is JDBC's spelling of `sslmode=require`.
pub(crate) fn parse(whole: &str, rest: &str) -> Result<Parameters, TargetError> {
    let url = Url { whole };
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = before_query.split_once('/').unwrap_or((before_query, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if database.contains('@') {
        return Err(url.error(
            database,
            "an '@' after the host: \
             '/', '@' and '?' in a user name, password or database name have to be percent-encoded",
        ));
    }

    let mut parameters = Parameters::new();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    for (name, encoded) in [("user", user), ("password", password), ("dbname", database)] {
        if !encoded.is_empty() {
            parameters.insert(name.to_owned(), url.decode(encoded)?);
        }
    }
    url.hosts(hosts, &mut parameters)?;
    url.query(query, &mut parameters)?;
    Ok(parameters)
}

/// Percent-encodes what may not stand in a part of a URL, save for the characters in `kept`.
pub(crate) fn encode(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || (c.is_ascii() && kept.contains(c)) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

struct Url<'a> {
    whole: &'a str,
}

impl Url<'_> {
    /// An error at the start of `part`, which has to be a slice of the whole.
    fn error(&self, part: &str, problem: &'static str) -> TargetError {
        let offset_bytes = (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        let at = 1 + self.whole.char_indices().take_while(|(index, _)| *index < offset_bytes).count();
        TargetError::Syntax { at, problem }
    }

    fn hosts(&self, hosts: &str, parameters: &mut Parameters) -> Result<(), TargetError> {
        if hosts.is_empty() {
            return Ok(());
        }
        let split = hosts.split(',').map(|host| self.host_and_port(host)).collect::<Result<Vec<_>, _>>()?;
        let (names, ports): (Vec<String>, Vec<&str>) = split.into_iter().unzip();
        if names.iter().any(|name| !name.is_empty()) {
            parameters.insert("host".to_owned(), names.join(","));
        }
        if ports.iter().any(|port| !port.is_empty()) {
            parameters.insert("port".to_owned(), ports.join(","));
        }
        Ok(())
    }

    fn host_and_port<'p>(&self, part: &'p str) -> Result<(String, &'p str), TargetError> {
        let (host, port) = match part.strip_prefix('[') {
            Some(bracketed) => {
                let (address, after) = bracketed
                    .split_once(']')
                    .ok_or_else(|| self.error(part, "this '[' of an IPv6 address has no ']'"))?;
                match after.strip_prefix(':') {
                    Some(port) => (address, port),
                    None if after.is_empty() => (address, ""),
                    None => return Err(self.error(after, "expected ':' and a port after the ']' of an IPv6 address")),
                }
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.error(
                port,
                "expected a port number here (an IPv6 address has to stand in brackets; \
                 '/', '@', ':' and '?' in a user name or password have to be percent-encoded)",
            ));
        }
        Ok((self.decode(host)?, port))
    }

    fn query(&self, query: &str, parameters: &mut Parameters) -> Result<(), TargetError> {
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(
                    self.error(part, "expected name=value here ('&' and '?' in a value have to be percent-encoded)")
                );
            };
            match (self.decode(name)?.as_str(), self.decode(value)?) {
                ("ssl", value) if value == "true" => parameters.insert("sslmode".to_owned(), "require".to_owned()),
                (name, value) => parameters.insert(name.to_owned(), value),
            };
        }
        Ok(())
    }

    fn decode(&self, part: &str) -> Result<String, TargetError> {
        let mut decoded = Vec::with_capacity(part.len());
        let mut pieces = part.split('%');
        decoded.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
        for piece in pieces {
            let (byte, literal) = piece
                .split_at_checked(2)
                .filter(|(digits, _)| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .and_then(|(digits, literal)| Some((u8::from_str_radix(digits, 16).ok()?, literal)))
                .filter(|(byte, _)| *byte != 0)
                .ok_or_else(|| {
                    self.error(piece, "expected two hexadecimal digits, not 00, after '%' (a '%' itself is %25)")
                })?;
            decoded.push(byte);
            decoded.extend_from_slice(literal.as_bytes());
        }
        String::from_utf8(decoded).map_err(|_| self.error(part, "this does not decode to UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rest: &str) -> String {
        let parameters = parse(rest, rest).unwrap();
        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_part() {
        assert_eq!(
            parsed("mon:pa%20s%40s@db1:5433/my%20db?sslmode=require&application_name=a%26b"),
            "application_name=a&b dbname=my db host=db1 password=pa s@s port=5433 sslmode=require user=mon"
        );
        assert_eq!(parsed(""), "");
        assert_eq!(parsed("/db"), "dbname=db");
        assert_eq!(parsed("/?host=/tmp&dbname=x&user=u&password=p"), "dbname=x host=/tmp password=p user=u");
        assert_eq!(parsed("db1?ssl=true"), "host=db1 sslmode=require");
    }

    #[test]
    fn hosts() {
        assert_eq!(parsed("h1:5432,h2:5433/"), "host=h1,h2 port=5432,5433");
        assert_eq!(parsed("h1,h2:5433"), "host=h1,h2 port=,5433");
        assert_eq!(parsed("[2001:db8::1]:5433"), "host=2001:db8::1 port=5433");
        assert_eq!(parsed("[::1]"), "host=::1");
        assert_eq!(parsed("%2Fvar%2Frun:5433/db"), "dbname=db host=/var/run port=5433");
        assert_eq!(parsed(":5433/db"), "dbname=db port=5433");
    }

    #[test]
    fn a_raw_at_sign_in_a_password_is_understood() {
        assert_eq!(parsed("mon:p@ss@db1"), "host=db1 password=p@ss user=mon");
    }

    #[test]
    fn an_error_says_where_and_quotes_nothing() {
        for (rest, at) in [
            ("mon:s3c/ret@db1/db", 9),
            ("mon:1s3c/ret", 5),
            ("mon:123/s3cret@db1/db", 9),
            ("mon:12?s3cret@db1/db", 8),
            ("mon:s3cret%zz@db1", 12),
            ("mon:s3cret%2@db1", 12),
            ("mon:s3cret%00@db1", 12),
            ("mon:s3cret%ff@db1", 5),
            ("mon@db1?password=s3&cret", 21),
            ("mon:s3cret@[::1", 12),
            ("mon:s3cret@[::1]5432", 17),
            ("2001:db8::1/db", 6),
        ] {
            let error = parse(rest, rest).unwrap_err();
            assert!(matches!(error, TargetError::Syntax { at: found, .. } if found == at), "{rest}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3c"), "{error}");
        }
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let text = "a b/%?&@é\n\"";
        let encoded = encode(text, "/");
        assert_eq!(encoded, "a%20b/%25%3F%26%40%C3%A9%0A%22");
        assert_eq!((Url { whole: &encoded }).decode(&encoded).unwrap(), text);
    }
}
