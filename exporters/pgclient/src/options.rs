//! Server settings, as they go into the `options` of the start-up packet.

use crate::parameters::{Parameters, is_server_setting};
use std::collections::BTreeMap;

/// The user's settings and ours.
#[derive(Clone)]
pub(crate) struct StartupOptions {
    ours: BTreeMap<String, String>,
    users_options: Option<String>,
    users: Vec<(String, String)>,
}

impl StartupOptions {
    pub(crate) fn from_parameters(given: &Parameters) -> StartupOptions {
        let settings = given.iter().filter(|(name, _)| is_server_setting(name));
        StartupOptions {
            ours: BTreeMap::new(),
            users_options: given.get("options").cloned(),
            users: settings.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// None at all.
    pub(crate) fn none() -> StartupOptions {
        StartupOptions { ours: BTreeMap::new(), users_options: None, users: Vec::new() }
    }

    /// Sets one of ours.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.ours.insert(name.to_owned(), value.to_owned());
    }

    /// Drops one of ours; the user's stays.
    pub(crate) fn unset(&mut self, name: &str) {
        self.ours.remove(name);
    }

    /// The settings as command line options, the user's after ours: of a setting given twice the server takes the last.
    pub(crate) fn text(&self) -> Option<String> {
        let option = |(name, value): (&String, &String)| format!("-c {name}={}", escape(value));
        let ours = self.ours.iter().map(option);
        let users = self.users.iter().map(|(name, value)| option((name, value)));
        let options: Vec<String> = ours.chain(self.users_options.clone()).chain(users).collect();
        (!options.is_empty()).then(|| options.join(" "))
    }
}

/// The server splits options at white space and takes what follows a backslash as it is.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if c == '\\' || c.is_ascii_whitespace() || c == '\u{b}' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_escaped_and_the_users_come_last() {
        let given = [("host", "db1"), ("options", "-c jit=on"), ("search_path", ""), ("work_mem", "1MB")];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut options = StartupOptions::from_parameters(&given);
        options.set("work_mem", "4MB");
        options.set("a.b", "x \\ y\tz");
        assert_eq!(
            options.text().unwrap(),
            "-c a.b=x\\ \\\\\\ y\\\tz -c work_mem=4MB -c jit=on -c search_path= -c work_mem=1MB"
        );
        options.unset("a.b");
        options.unset("work_mem");
        assert_eq!(options.text().unwrap(), "-c jit=on -c search_path= -c work_mem=1MB");
    }

    #[test]
    fn none_is_no_option() {
        assert_eq!(StartupOptions::from_parameters(&Parameters::new()).text(), None);
    }
}
