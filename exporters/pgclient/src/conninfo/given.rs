//! What one place sets: the conninfo, a service, or the environment.

use super::parameters::{Parameters, canonical_name, is_server_setting};

/// Parameters as text, and the password, which may be any bytes.
#[derive(Default)]
pub(crate) struct Given {
    pub parameters: Parameters,
    pub password: Option<Vec<u8>>,
}

/// A value other than the password is not UTF-8.
#[derive(Debug)]
pub(crate) struct NotUtf8;

impl Given {
    /// Sets a parameter; a value that it had before is replaced.
    pub(crate) fn insert(&mut self, name: &str, value: Vec<u8>) -> Result<(), NotUtf8> {
        if name == "password" {
            self.password = Some(value);
        } else {
            self.parameters.insert(canonical_name(name), String::from_utf8(value).map_err(|_| NotUtf8)?);
        }
        Ok(())
    }

    /// Whether the parameter is set.
    pub(crate) fn has(&self, name: &str) -> bool {
        if name == "password" { self.password.is_some() } else { self.parameters.contains_key(name) }
    }

    /// Adds what is not set yet.
    pub(crate) fn add(&mut self, fallback: Self) {
        for (name, value) in fallback.parameters {
            self.parameters.entry(name).or_insert(value);
        }
        self.password = self.password.take().or(fallback.password);
    }

    /// Removes empty values, which count as unset. A server setting can be empty.
    pub(crate) fn drop_empty(&mut self) {
        self.parameters.retain(|name, value| !value.is_empty() || is_server_setting(name));
        self.password = self.password.take().filter(|password| !password.is_empty());
    }

    /// All values, the password included, as `name=value`.
    #[cfg(test)]
    pub(crate) fn pairs(&self) -> Vec<String> {
        let password = self.password.iter().map(|bytes| ("password", String::from_utf8_lossy(bytes)));
        let text = self.parameters.iter().map(|(name, value)| (name.as_str(), value.into()));
        let mut pairs: Vec<String> = text.chain(password).map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort();
        pairs
    }
}
