//! Server settings in the `options` of the startup packet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::info;

use crate::conninfo::parameters::{Parameters, is_server_setting};

/// The user's settings and the exporter's own.
#[derive(Clone)]
pub(crate) struct StartupOptions {
    own: BTreeMap<String, OwnSetting>,
    user_options: Option<String>,
    user: Vec<(String, String)>,
    /// By server label; shared by clones.
    servers: Arc<Mutex<BTreeMap<String, RefusedSettings>>>,
}

/// A setting of the exporter's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSetting {
    /// Its name.
    pub name: String,
    /// Its value, as in `postgresql.conf`, without quotes.
    pub value: String,
    /// Whether a session does without it where the server refuses it.
    pub optional: bool,
}

/// The settings that a server refuses.
#[derive(Default)]
struct RefusedSettings {
    names: BTreeSet<String>,
    /// The databases where all of our own are deferred.
    databases: BTreeSet<String>,
    /// Whether they are in every database.
    everywhere: bool,
    /// The version that refused them: another one may accept them.
    version: Option<String>,
}

impl StartupOptions {
    pub(crate) fn from_parameters(given: &Parameters) -> Self {
        let settings = given.iter().filter(|(name, _)| is_server_setting(name));
        Self {
            own: BTreeMap::new(),
            user_options: given.get("options").cloned(),
            user: settings.map(|(name, value)| (name.clone(), value.clone())).collect(),
            servers: Arc::default(),
        }
    }

    /// No settings.
    pub(crate) fn none() -> Self {
        Self::from_parameters(&Parameters::new())
    }

    /// Sets one of the exporter's own.
    pub(crate) fn set(&mut self, name: &str, value: &str, optional: bool) {
        let own = OwnSetting { name: name.to_owned(), value: value.to_owned(), optional };
        self.own.insert(own.name.clone(), own);
    }

    /// Leaves out an optional own setting that `is_refused` for a server; `false` if none is still sent.
    pub(crate) fn leave_out(&self, server: &str, is_refused: impl Fn(&str) -> bool) -> bool {
        let refused = self.own.iter().find(|(name, own)| own.optional && is_refused(name));
        let Some((name, _)) = refused else { return false };
        let is_new = self.servers.lock().entry(server.to_owned()).or_default().names.insert(name.clone());
        if is_new {
            info!(server, setting = name, "server refused a session setting, continuing without it");
        }
        is_new
    }

    /// Opens sessions in a database of a server, or in all of them, without our own settings; `false` if that is so already
    /// or there are none.
    pub(crate) fn defer(&self, server: &str, database: Option<&str>) -> bool {
        if self.own.is_empty() || self.is_deferred(server, database.unwrap_or_default()) {
            return false;
        }
        info!(server, database, "session settings are not sent at connect, but set afterwards");
        let mut servers = self.servers.lock();
        let refused = servers.entry(server.to_owned()).or_default();
        match database {
            Some(database) => drop(refused.databases.insert(database.to_owned())),
            None => refused.everywhere = true,
        }
        true
    }

    /// Whether sessions in a database open without our own settings.
    pub(crate) fn is_deferred(&self, server: &str, database: &str) -> bool {
        let servers = self.servers.lock();
        servers.get(server).is_some_and(|refused| refused.everywhere || refused.databases.contains(database))
    }

    /// Our own settings, without those that the user sets.
    pub(crate) fn own(&self) -> Vec<OwnSetting> {
        let options = self.user_options.as_deref().unwrap_or_default();
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let words = options.split(|c| !is_name_char(c)).chain(self.user.iter().map(|(name, _)| name.as_str()));
        let words: BTreeSet<String> = words.map(str::to_ascii_lowercase).collect();
        self.own.values().filter(|own| !words.contains(&own.name.to_ascii_lowercase())).cloned().collect()
    }

    /// Records that a server of this version accepted a session. Settings that another version refused are sent again.
    pub(crate) fn accepted(&self, server: &str, version: Option<&str>) {
        if let Some(refused) = self.servers.lock().get_mut(server) {
            let version = version.map(str::to_owned);
            if refused.version.is_some() && refused.version != version {
                refused.names.clear();
            }
            refused.version = version;
        }
    }

    /// The settings for a server as command-line options. The user's come last: if a setting is given twice, the last one
    /// counts.
    pub(crate) fn text(&self, server: &str, database: &str) -> Option<String> {
        let is_deferred = self.is_deferred(server, database);
        let servers = self.servers.lock();
        let is_refused = |name: &String| servers.get(server).is_some_and(|refused| refused.names.contains(name));
        let is_sent = |name: &String| !is_deferred && !is_refused(name);
        let option = |name: &String, value: &String| format!("-c {name}={}", escape(value));
        let own = self.own.iter().filter(|(name, _)| is_sent(name)).map(|(name, own)| option(name, &own.value));
        let user = self.user.iter().map(|(name, value)| option(name, value));
        let options: Vec<String> = own.chain(self.user_options.clone()).chain(user).collect();
        (!options.is_empty()).then(|| options.join(" "))
    }
}

/// The server splits options at white space; a backslash escapes the next character.
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
    fn escapes_settings_and_puts_user_settings_last() {
        let given = [("host", "db1"), ("options", "-c jit=on"), ("search_path", ""), ("work_mem", "1MB")];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut options = StartupOptions::from_parameters(&given);
        options.set("work_mem", "4MB", false);
        options.set("a.b", "x \\ y\tz", false);
        assert_eq!(
            options.text("db1:5432", "app").unwrap(),
            "-c a.b=x\\ \\\\\\ y\\\tz -c work_mem=4MB -c jit=on -c search_path= -c work_mem=1MB"
        );
    }

    #[test]
    fn omits_refused_setting_until_version_changes() {
        let mut options = StartupOptions::none();
        options.set("jit", "off", true);
        options.set("lock_timeout", "1", false);
        let clone = options.clone();
        assert!(!options.leave_out("old", |name| name == "lock_timeout"), "required");
        assert!(!options.leave_out("old", |name| name == "work_mem"), "not our own");
        assert!(options.leave_out("old", |name| name == "jit"));
        assert!(!options.leave_out("old", |name| name == "jit"), "no longer sent, so the server refused another one");
        options.accepted("old", Some("10.23"));
        assert_eq!(clone.text("old", "app").unwrap(), "-c lock_timeout=1");
        assert_eq!(clone.text("new", "app").unwrap(), "-c jit=off -c lock_timeout=1");
        options.accepted("old", Some("10.23"));
        assert_eq!(clone.text("old", "app").unwrap(), "-c lock_timeout=1");
        options.accepted("old", Some("18.1"));
        assert_eq!(clone.text("old", "app").unwrap(), "-c jit=off -c lock_timeout=1");
    }

    #[test]
    fn deferred_settings_are_those_that_the_user_does_not_set() {
        let given = [("options", "-c jit=on --lock_timeout=5s"), ("work_mem", "1MB")];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut options = StartupOptions::from_parameters(&given);
        for name in ["jit", "lock_timeout", "statement_timeout", "work_mem"] {
            options.set(name, "1", false);
        }
        assert!(options.defer("a", Some("app")) && !options.defer("a", Some("app")));
        assert_eq!(options.text("a", "app").unwrap(), "-c jit=on --lock_timeout=5s -c work_mem=1MB");
        assert!(!options.is_deferred("a", "shop") && !options.is_deferred("b", "app"));
        assert!(options.defer("a", None) && options.is_deferred("a", "shop"));
        let own: Vec<String> = options.own().into_iter().map(|own| own.name).collect();
        assert_eq!(own, ["statement_timeout"]);
        assert!(!StartupOptions::none().defer("a", None), "nothing to defer");
    }

    #[test]
    fn sends_no_options_without_settings() {
        assert_eq!(StartupOptions::from_parameters(&Parameters::new()).text("db1:5432", "app"), None);
    }
}
