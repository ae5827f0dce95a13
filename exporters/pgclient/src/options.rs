//! Server settings, as they go into the `options` of the start-up packet.

use crate::parameters::{Parameters, is_server_setting};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::info;

/// The user's settings and ours.
#[derive(Clone)]
pub(crate) struct StartupOptions {
    ours: BTreeMap<String, Ours>,
    users_options: Option<String>,
    users: Vec<(String, String)>,
    /// By the server's label; shared by clones.
    servers: Arc<Mutex<BTreeMap<String, Refused>>>,
}

/// One of our settings.
#[derive(Clone)]
struct Ours {
    value: String,
    /// Whether a session may do without it.
    optional: bool,
}

/// The settings that a server does not take.
#[derive(Default)]
struct Refused {
    names: BTreeSet<String>,
    /// The version that refused them: another one may take them.
    version: Option<String>,
}

impl StartupOptions {
    pub(crate) fn from_parameters(given: &Parameters) -> StartupOptions {
        let settings = given.iter().filter(|(name, _)| is_server_setting(name));
        StartupOptions {
            ours: BTreeMap::new(),
            users_options: given.get("options").cloned(),
            users: settings.map(|(name, value)| (name.clone(), value.clone())).collect(),
            servers: Arc::default(),
        }
    }

    /// None at all.
    pub(crate) fn none() -> StartupOptions {
        StartupOptions::from_parameters(&Parameters::new())
    }

    /// Sets one of ours.
    pub(crate) fn set(&mut self, name: &str, value: &str, optional: bool) {
        self.ours.insert(name.to_owned(), Ours { value: value.to_owned(), optional });
    }

    /// Leaves an optional one of ours out for a server; `false` if there is none that `is_refused` and is still sent.
    pub(crate) fn leave_out(&self, server: &str, is_refused: impl Fn(&str) -> bool) -> bool {
        let refused = self.ours.iter().find(|(name, ours)| ours.optional && is_refused(name));
        let Some((name, _)) = refused else { return false };
        let is_new = self.lock().entry(server.to_owned()).or_default().names.insert(name.clone());
        if is_new {
            info!(server, setting = name, "the server does not take a setting of our sessions: it is left out");
        }
        is_new
    }

    /// Notes that a server of this version has let a session in; what another version refused is sent again.
    pub(crate) fn taken(&self, server: &str, version: Option<&str>) {
        if let Some(refused) = self.lock().get_mut(server) {
            let version = version.map(str::to_owned);
            if refused.version.is_some() && refused.version != version {
                refused.names.clear();
            }
            refused.version = version;
        }
    }

    /// The settings for a server as command line options, the user's after ours: of a setting given twice the server takes
    /// the last.
    pub(crate) fn text(&self, server: &str) -> Option<String> {
        let servers = self.lock();
        let is_sent = |name: &String| servers.get(server).is_none_or(|refused| !refused.names.contains(name));
        let option = |name: &String, value: &String| format!("-c {name}={}", escape(value));
        let ours = self.ours.iter().filter(|(name, _)| is_sent(name)).map(|(name, ours)| option(name, &ours.value));
        let users = self.users.iter().map(|(name, value)| option(name, value));
        let options: Vec<String> = ours.chain(self.users_options.clone()).chain(users).collect();
        (!options.is_empty()).then(|| options.join(" "))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Refused>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
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
        options.set("work_mem", "4MB", false);
        options.set("a.b", "x \\ y\tz", false);
        assert_eq!(
            options.text("db1:5432").unwrap(),
            "-c a.b=x\\ \\\\\\ y\\\tz -c work_mem=4MB -c jit=on -c search_path= -c work_mem=1MB"
        );
    }

    #[test]
    fn a_refused_setting_is_left_out_where_it_was_refused_until_the_version_changes() {
        let mut options = StartupOptions::none();
        options.set("jit", "off", true);
        options.set("lock_timeout", "1", false);
        let clone = options.clone();
        assert!(!options.leave_out("old", |name| name == "lock_timeout"), "needed");
        assert!(!options.leave_out("old", |name| name == "work_mem"), "not ours");
        assert!(options.leave_out("old", |name| name == "jit"));
        assert!(!options.leave_out("old", |name| name == "jit"), "not sent any more, so the refusal is of another one");
        options.taken("old", Some("10.23"));
        assert_eq!(clone.text("old").unwrap(), "-c lock_timeout=1");
        assert_eq!(clone.text("new").unwrap(), "-c jit=off -c lock_timeout=1");
        options.taken("old", Some("10.23"));
        assert_eq!(clone.text("old").unwrap(), "-c lock_timeout=1");
        options.taken("old", Some("18.1"));
        assert_eq!(clone.text("old").unwrap(), "-c jit=off -c lock_timeout=1");
    }

    #[test]
    fn none_is_no_option() {
        assert_eq!(StartupOptions::from_parameters(&Parameters::new()).text("db1:5432"), None);
    }
}
