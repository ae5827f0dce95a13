//! The environment of a process: variables, home folder, user, socket folders.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

/// The variables, home folder, user name and socket folders that a [`Target`](crate::Target) is resolved against.
///
/// [`Environment::from_process`] reads them from the process; [`Environment::from_variables`] is for tests.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    user: Option<String>,
    socket_folders: Vec<PathBuf>,
}

impl Environment {
    /// The environment of this process, without variables that are not UTF-8.
    ///
    /// The user is the effective one, as for libpq and `peer` authentication, else `$USER` or `$LOGNAME`. The home
    /// folder is `$HOME`, else the one in the user database.
    pub fn from_process() -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut environment = Self::from_variables(variables);
        if let Ok(Some(user)) = User::from_uid(Uid::effective()) {
            environment.user = Some(user.name);
            environment.home.get_or_insert(user.dir);
        }
        environment
    }

    /// An environment of these variables only. The home folder and the user come from `HOME`, and `USER` or `LOGNAME`.
    pub fn from_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut environment = Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            home: None,
            user: None,
            socket_folders: vec!["/var/run/postgresql".into(), "/tmp".into()],
        };
        environment.home = environment.variable("HOME").map(PathBuf::from);
        environment.user = environment.variable("USER").or_else(|| environment.variable("LOGNAME")).map(str::to_owned);
        environment
    }

    /// The same, with the folders that are searched for a Unix socket if no host is given.
    pub fn with_socket_folders(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        self.socket_folders = folders.into_iter().collect();
        self
    }

    /// The same, with a default for a variable that is unset or empty.
    pub(crate) fn with_default(mut self, name: &str, value: &str) -> Self {
        if self.variable(name).is_none() {
            self.variables.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The value of a variable; an empty one counts as unset.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A file below the home folder, if there is one.
    pub(crate) fn home_file(&self, name: &str) -> Option<PathBuf> {
        self.home.as_deref().map(|home| home.join(name))
    }

    pub(crate) fn socket_folders(&self) -> &[PathBuf] {
        &self.socket_folders
    }

    /// The path with a leading `~/` replaced by the home folder: a service is not started by a shell, which would do it.
    pub(crate) fn expand(&self, path: &str) -> PathBuf {
        path.strip_prefix("~/").and_then(|rest| self.home_file(rest)).unwrap_or_else(|| Path::new(path).to_owned())
    }
}

/// Shows names only: a value may be a password.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn treats_empty_variable_as_unset() {
        let environment = Environment::from_variables([("PGHOST", ""), ("USER", ""), ("LOGNAME", "mon")]);
        assert_eq!(environment.variable("PGHOST"), None);
        assert_eq!(environment.user(), Some("mon"));
    }

    #[test]
    fn debug_omits_values() {
        let environment = Environment::from_variables([("PGPASSWORD", "s3cret")]);
        assert!(!format!("{environment:?}").contains("s3cret"));
    }

    #[test]
    fn takes_the_user_from_the_effective_user_id() {
        let user = User::from_uid(Uid::effective()).unwrap().unwrap();
        assert_eq!(Environment::from_process().user(), Some(&*user.name));
    }
}
