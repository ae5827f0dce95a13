//! What a process inherits and a conninfo falls back on: variables, home folder, user, socket folders.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The variables, home folder, user name and socket folders that a [`Target`](crate::Target) is resolved against.
///
/// [`Environment::from_process`] takes them from the process; the other constructors make one by hand.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    user: Option<String>,
    socket_folders: Vec<PathBuf>,
}

impl Environment {
    /// The environment of this process. A variable that is not UTF-8 is left out.
    ///
    /// The user is the one of the effective user id, as it is for libpq and for `peer` authentication, else `$USER`
    /// or `$LOGNAME`. The home folder is `$HOME`, else the one in `/etc/passwd`.
    pub fn from_process() -> Environment {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut environment = Environment::from_variables(variables);
        let account = effective_user_id().and_then(|id| {
            let accounts = files::read_text(Path::new("/etc/passwd")).ok()?;
            account(&accounts, &id)
        });
        if let Some((user, home)) = account {
            environment.user = Some(user);
            environment.home.get_or_insert(home);
        }
        environment
    }

    /// An environment of these variables only; `HOME`, `USER` and `LOGNAME` among them mean what they say.
    pub fn from_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Environment
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut environment = Environment {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            home: None,
            user: None,
            socket_folders: vec!["/var/run/postgresql".into(), "/tmp".into()],
        };
        environment.home = environment.variable("HOME").map(PathBuf::from);
        environment.user = environment.variable("USER").or_else(|| environment.variable("LOGNAME")).map(str::to_owned);
        environment
    }

    /// The same, looking for a server's Unix socket in these folders when no host is given.
    pub fn with_socket_folders(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Environment {
        self.socket_folders = folders.into_iter().collect();
        self
    }

    /// The same, with a value for a variable that is unset or empty.
    pub(crate) fn with_default(mut self, name: &str, value: &str) -> Environment {
        if self.variable(name).is_none() {
            self.variables.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The variable's value; one that is set but empty counts as unset.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A file below the home folder, if there is a home.
    pub(crate) fn home_file(&self, name: &str) -> Option<PathBuf> {
        self.home.as_deref().map(|home| home.join(name))
    }

    pub(crate) fn socket_folders(&self) -> &[PathBuf] {
        &self.socket_folders
    }

    /// The path with a leading `~/` replaced by the home folder, since services get it from no shell.
    pub(crate) fn expand(&self, path: &str) -> PathBuf {
        path.strip_prefix("~/").and_then(|rest| self.home_file(rest)).unwrap_or_else(|| Path::new(path).to_owned())
    }
}

/// Names only: a value may be a password.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

fn effective_user_id() -> Option<String> {
    let status = files::read_text(Path::new("/proc/self/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1).map(str::to_owned)
}

/// User name and home folder of the account with this id, from the text of `/etc/passwd`.
fn account(accounts: &str, id: &str) -> Option<(String, PathBuf)> {
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, user_id, _, _, home, ..] if user_id == id => Some((name.to_owned(), home.into())),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_account_of_an_id() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nmon:x:990:990::/srv/mon:/bin/false\n";
        assert_eq!(account(accounts, "990"), Some(("mon".into(), "/srv/mon".into())));
        assert_eq!(account(accounts, "99"), None);
    }

    #[test]
    fn empty_counts_as_unset() {
        let environment = Environment::from_variables([("PGHOST", ""), ("USER", ""), ("LOGNAME", "mon")]);
        assert_eq!(environment.variable("PGHOST"), None);
        assert_eq!(environment.user(), Some("mon"));
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::from_variables([("PGPASSWORD", "s3cret")]);
        assert!(!format!("{environment:?}").contains("s3cret"));
    }

    #[test]
    fn the_process_has_a_user() {
        assert!(Environment::from_process().user().is_some());
    }
}
