//! Parses a conninfo in the form of a URL: `postgres://user:password@host1:5432,host2/database?sslmode=require`.

use percent_encoding::percent_decode_str;

use super::given::Given;
use crate::error::TargetError;

/// Parses the part of the URL after `postgres://`. Positions in errors count from the start of `whole`, of which `rest`
/// is the tail.
///
/// Parameters after `?` win over those before it. `ssl=true` is JDBC's spelling of `sslmode=require`. A password may decode to
/// any bytes.
pub(crate) fn parse(whole: &str, rest: &str) -> Result<Given, TargetError> {
    let url = Url { whole };
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = before_query.split_once('/').unwrap_or((before_query, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if database.contains('@') {
        return Err(url.error(
            database,
            "found '@' after the host \
             (percent-encode '/', '@' and '?' in a user name, password or database name)",
        ));
    }

    let mut given = Given::default();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    for (name, encoded) in [("user", user), ("password", password), ("dbname", database)] {
        if !encoded.is_empty() {
            url.set(&mut given, name, encoded)?;
        }
    }
    url.hosts(hosts, &mut given)?;
    url.query(query, &mut given)?;
    Ok(given)
}

const NOT_UTF8: &str = "this does not decode to UTF-8";

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

    /// Sets a parameter to a decoded value.
    fn set(&self, given: &mut Given, name: &str, encoded: &str) -> Result<(), TargetError> {
        let value = self.decode(encoded)?;
        given.insert(name, value).map_err(|_| self.error(encoded, NOT_UTF8))
    }

    fn text(&self, encoded: &str) -> Result<String, TargetError> {
        String::from_utf8(self.decode(encoded)?).map_err(|_| self.error(encoded, NOT_UTF8))
    }

    fn hosts(&self, hosts: &str, given: &mut Given) -> Result<(), TargetError> {
        if hosts.is_empty() {
            return Ok(());
        }
        let split = hosts.split(',').map(|host| self.host_and_port(host)).collect::<Result<Vec<_>, _>>()?;
        let (names, ports): (Vec<String>, Vec<&str>) = split.into_iter().unzip();
        if names.iter().any(|name| !name.is_empty()) {
            given.parameters.insert("host".to_owned(), names.join(","));
        }
        if ports.iter().any(|port| !port.is_empty()) {
            given.parameters.insert("port".to_owned(), ports.join(","));
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
                "expected a port number (put an IPv6 address in brackets; \
                 percent-encode '/', '@', ':' and '?' in a user name or password)",
            ));
        }
        Ok((self.text(host)?, port))
    }

    fn query(&self, query: &str, given: &mut Given) -> Result<(), TargetError> {
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(self.error(part, "expected name=value (percent-encode '&' and '?' in a value)"));
            };
            match self.text(name)?.as_str() {
                "ssl" if value == "true" => self.set(given, "sslmode", "require")?,
                name => self.set(given, name, value)?,
            }
        }
        Ok(())
    }

    /// Percent-decodes a part. Unlike the crate, it refuses a malformed sequence, as libpq does.
    fn decode(&self, part: &str) -> Result<Vec<u8>, TargetError> {
        for (at, _) in part.match_indices('%') {
            let after = &part[at + 1..];
            let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            if digits.is_none_or(|digits| digits == "00") {
                return Err(
                    self.error(after, "expected two hexadecimal digits other than 00 after '%' (write '%' as %25)")
                );
            }
        }
        Ok(percent_decode_str(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rest: &str) -> String {
        parse(rest, rest).unwrap().pairs().join(" ")
    }

    #[test]
    fn parses_every_part() {
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
    fn parses_hosts_and_ports() {
        assert_eq!(parsed("h1:5432,h2:5433/"), "host=h1,h2 port=5432,5433");
        assert_eq!(parsed("h1,h2:5433"), "host=h1,h2 port=,5433");
        assert_eq!(parsed("[2001:db8::1]:5433"), "host=2001:db8::1 port=5433");
        assert_eq!(parsed("[::1]"), "host=::1");
        assert_eq!(parsed("%2Fvar%2Frun:5433/db"), "dbname=db host=/var/run port=5433");
        assert_eq!(parsed(":5433/db"), "dbname=db port=5433");
    }

    #[test]
    fn accepts_raw_at_sign_in_password() {
        assert_eq!(parsed("mon:p@ss@db1"), "host=db1 password=p@ss user=mon");
    }

    #[test]
    fn errors_have_a_position_and_no_quotation() {
        for (rest, at) in [
            ("mon:s3c/ret@db1/db", 9),
            ("mon:1s3c/ret", 5),
            ("mon:123/s3cret@db1/db", 9),
            ("mon:12?s3cret@db1/db", 8),
            ("mon:s3cret%zz@db1", 12),
            ("mon:s3cret%2@db1", 12),
            ("mon:s3cret%00@db1", 12),
            ("s3cret%ff@db1", 1),
            ("mon@s3cret%ff", 5),
            ("mon@db1?user=s3cret%ff", 14),
            ("mon@db1?password=s3&cret", 21),
            ("mon:s3cret@[::1", 12),
            ("mon:s3cret@[::1]5432", 17),
            ("2001:db8::1/db", 6),
        ] {
            let error = parse(rest, rest).err().unwrap();
            assert!(matches!(error, TargetError::Syntax { at: found, .. } if found == at), "{rest}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3c"), "{error}");
        }
    }

    #[test]
    fn decodes_utf8_and_keeps_plus_sign() {
        assert_eq!(parsed("h/a%20b%2f%25%C3%A9+"), "dbname=a b/%é+ host=h");
        for rest in ["mon:p%FFw@db1", "mon@db1?password=p%ffw"] {
            assert_eq!(parse(rest, rest).unwrap().password.unwrap(), b"p\xffw", "{rest}");
        }
    }
}
