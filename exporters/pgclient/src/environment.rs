//! The environment of a process: variables, home folder, user, socket folders.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::error::TargetError;

/// The variables, home folder, user name and socket folders that a [`Target`](crate::Target) is resolved against.
///
/// [`Environment::from_process`] reads them from the process; [`Environment::from_variables`] is for tests.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    home: Option<PathBuf>,
    user: Option<String>,
    socket_folders: Vec<PathBuf>,
}

impl Environment {
    /// The environment of this process. Values may be any bytes.
    ///
    /// The user is the effective one, as for libpq and `peer` authentication, else `$USER` or `$LOGNAME`. The home
    /// folder is `$HOME`, else the one in the user database.
    pub fn from_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let mut environment = Self::from_variables(variables);
        if let Ok(Some(user)) = User::from_uid(Uid::effective()) {
            // A name that is not UTF-8 has been made another one.
            environment.user = Some(user.name).filter(|name| !name.contains(char::REPLACEMENT_CHARACTER));
            environment.home.get_or_insert(user.dir);
        }
        environment
    }

    /// An environment of these variables only. The home folder and the user come from `HOME`, and `USER` or `LOGNAME`.
    pub fn from_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<OsString>,
    {
        let mut environment = Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            home: None,
            user: None,
            socket_folders: vec!["/var/run/postgresql".into(), "/tmp".into()],
        };
        environment.home = environment.value("HOME").map(PathBuf::from);
        let user = environment.value("USER").or_else(|| environment.value("LOGNAME"));
        environment.user = user.and_then(OsStr::to_str).map(str::to_owned);
        environment
    }

    /// The same, with the folders that are searched for a Unix socket if no host is given.
    pub fn with_socket_folders(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        self.socket_folders = folders.into_iter().collect();
        self
    }

    /// The same, with a default for a variable that is unset or empty.
    pub(crate) fn with_default(mut self, name: &str, value: &str) -> Self {
        if self.value(name).is_none() {
            self.variables.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The value of a variable; an empty one counts as unset.
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable as bytes.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.value(name).map(OsStr::as_bytes)
    }

    /// The value of a variable as text.
    ///
    /// # Errors
    /// Names a variable that is not UTF-8.
    pub fn variable(&self, name: &str) -> Result<Option<&str>, TargetError> {
        self.value(name).map(|value| value.to_str().ok_or_else(|| TargetError::not_utf8(name))).transpose()
    }

    /// The first of the variables that is set, and its value.
    ///
    /// # Errors
    /// As [`Environment::variable`].
    pub fn first<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, &str)>, TargetError> {
        let set = names.iter().find(|name| self.value(name).is_some());
        set.map_or(Ok(None), |name| Ok(self.variable(name)?.map(|value| (*name, value))))
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
    pub(crate) fn expand(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        path.strip_prefix("~")
            .ok()
            .and_then(|rest| Some(self.home.as_deref()?.join(rest)))
            .unwrap_or_else(|| path.to_owned())
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
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn treats_empty_variable_as_unset() {
        let environment = Environment::from_variables([("PGHOST", ""), ("USER", ""), ("LOGNAME", "mon")]);
        assert_eq!(environment.variable("PGHOST"), Ok(None));
        assert_eq!(environment.user(), Some("mon"));
    }

    #[test]
    fn names_a_variable_that_is_not_utf8() {
        let foreign = OsString::from_vec(b"m\xff".to_vec());
        let environment = Environment::from_variables([("PGUSER", foreign.clone()), ("HOME", foreign)]);
        let error = environment.first(&["PGUSE", "PGUSER"]).unwrap_err().to_string();
        assert!(error.starts_with("PGUSER: the value is not UTF-8"), "{error}");
        assert_eq!(environment.expand("~/a").as_os_str().as_bytes(), b"m\xff/a");
        assert_eq!(environment.expand("~a"), Path::new("~a"));
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
