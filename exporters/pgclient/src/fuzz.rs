//! Checks for the targets in `fuzz/`: each takes any bytes and panics where something is wrong. Not an interface.

use std::path::Path;

use crate::conninfo::service;
use crate::pgpass::{PasswordLookup, first_match};
use crate::{Environment, Target};

/// What the seeds do not contain.
const SECRET: &str = "Zq4Hidden8w";

/// What the log shows of a connection string is a URL for the same target, and nothing shows a password in it.
pub fn conninfo(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    if text.contains(SECRET) {
        return;
    }
    let with_password = match text.split_once("://") {
        Some((_, rest)) => format!("postgres://mon:{SECRET}@{rest}"),
        None => format!("password={SECRET} {text}"),
    };
    let environment = Environment::from_variables([("USER", "fuzz")]).with_socket_folders([]);
    for conninfo in [text, with_password] {
        match Target::parse(&conninfo, &environment) {
            Ok(target) => {
                let shown = target.redacted();
                assert!(!shown.contains(SECRET) && !format!("{target:?}").contains(SECRET), "{shown}");
                let again = Target::parse(&shown, &environment).unwrap_or_else(|error| panic!("{shown}: {error}"));
                assert_eq!(again.redacted(), shown);
                assert_eq!(again.label(), target.label());
            }
            Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
        }
    }
}

/// A line behind any others is found, unless one of them matches already.
pub fn pgpass(input: &[u8]) {
    let hosts = ["db:1".to_owned()];
    let wanted = PasswordLookup { hosts: &hosts, port: 5432, database: r"a\b", user: "mon" };
    let password: Vec<u8> = input.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).take(40).collect();
    let mut file = [input, b"\n", br"db\:1:5432:a\\b:mon:"].concat();
    for byte in &password {
        let is_special = matches!(byte, b':' | b'\\');
        file.extend(is_special.then_some(b'\\'));
        file.push(*byte);
    }
    let expected = first_match(input, &wanted).or(Some(password).filter(|password| !password.is_empty()));
    assert_eq!(first_match(&file, &wanted), expected);
}

/// A service is found behind any others, and errors quote nothing of the file.
pub fn service_file(input: &[u8]) {
    let path = Path::new("services");
    let file = [input, b"\n[Xk9Service]\npassword=", SECRET.as_bytes(), b"\nuser=mon\n"].concat();
    match service::find(&file, "Xk9Service", path) {
        Ok(found) => assert!(found.is_some_and(|given| given.parameters.contains_key("user"))),
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("service \"Xk9Service\": services, line ") && !error.contains(SECRET), "{error}");
        }
    }
    for line in input.split(|byte| *byte == b'\n') {
        let section = line.trim_ascii().strip_prefix(b"[").and_then(|line| line.strip_suffix(b"]"));
        if let Some(Ok(name)) = section.map(str::from_utf8) {
            let found = service::find(input, name, path).map_err(|error| error.to_string());
            assert!(!matches!(found, Ok(None)), "{name}");
            let quoted = found.is_err_and(|error| error.contains(SECRET));
            assert!(!quoted || name.contains(SECRET), "{name}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use replay::replay;

    #[test]
    fn connection_strings() {
        replay("conninfo", 5_000, conninfo);
    }

    #[test]
    fn password_files() {
        replay("pgpass", 10_000, pgpass);
    }

    #[test]
    fn service_files() {
        replay("service_file", 5_000, service_file);
    }
}
