//! Where and how to connect.

mod driver;
mod redacted;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tracing::warn;

use self::driver::driver_template;
use self::redacted::{encode_name, url_host, url_query};
use crate::conninfo;
use crate::conninfo::given::Given;
use crate::conninfo::parameters::{Parameters, SECRETS, ignored, keyword, number};
use crate::environment::Environment;
use crate::error::{ConnectError, TargetError};
use crate::pgpass;
use crate::server::{ServerAddress, Servers};
use crate::session_kind::SessionKind;
use crate::startup_options::{OwnSetting, StartupOptions};
use crate::tls::{TlsMode, TlsSettings};

/// Where and how to connect, resolved from a conninfo, the service file, `PG*` variables and defaults.
///
/// Its `Debug` is [`Target::redacted`].
#[derive(Clone)]
pub struct Target {
    /// As given, without secrets; for [`Target::redacted`].
    given: Parameters,
    user: String,
    password: Option<Vec<u8>>,
    password_file: Option<PathBuf>,
    database: Option<String>,
    options: StartupOptions,
    pub(crate) connect_timeout: Option<Duration>,
    /// The driver's configuration as far as it is the same for every server and database.
    template: Config,
    pub(crate) servers: Servers,
    pub(crate) shuffle: bool,
    pub(crate) session: SessionKind,
    pub(crate) tls: TlsSettings,
}

impl Target {
    /// Parses a `postgres://` or `postgresql://` URL or a libpq `key=value` string; an empty string means all defaults.
    ///
    /// Each parameter comes from the string, else from its `service` (or `PGSERVICE`) in the service file, else from its
    /// `PG*` variable, else from the defaults: the user of the process, the Unix socket in `/var/run/postgresql` or `/tmp`
    /// if there is one, else localhost, port 5432, `sslmode=prefer`. A name that is not a libpq parameter is a server
    /// setting (`?statement_timeout=5s`).
    ///
    /// # Errors
    /// Names the parameter or the position in the string; never quotes the string, which may contain a password.
    pub fn parse(conninfo: &str, env: &Environment) -> Result<Self, TargetError> {
        let Given { parameters: mut given, password } = conninfo::read(conninfo, env)?;
        warn_of_ignored(&given);
        given.retain(|name, _| !SECRETS.contains(&name.as_str()));
        let user = given.get("user").map(String::as_str).or_else(|| env.user()).ok_or(TargetError::NoUser)?;
        check_values(&given)?;
        Ok(Self {
            user: user.to_owned(),
            password,
            password_file: match given.get("passfile") {
                Some(file) => Some(env.expand(file)),
                None => env.home_file(".pgpass"),
            },
            database: given.get("dbname").cloned(),
            options: StartupOptions::from_parameters(&given),
            connect_timeout: connect_timeout(&given)?,
            template: driver_template(user, &given)?,
            servers: Servers::from_parameters(&given, env.socket_folders())?,
            shuffle: keyword(&given, "load_balance_hosts", &[("disable", false), ("random", true)])?.unwrap_or(false),
            session: SessionKind::from_parameters(&given)?,
            tls: TlsSettings::from_parameters(&given, env)?,
            given,
        })
    }

    /// The database name. Without one the server uses the database named like the user.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The database that a connection leads to.
    pub fn database_name(&self) -> &str {
        self.database.as_deref().unwrap_or(&self.user)
    }

    /// The same servers, another database. The name may contain any characters.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: Some(name.to_owned()), ..self.clone() }
    }

    /// The same, with a server setting that is sent at connect. The conninfo and `PGOPTIONS` override it.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        self.options.set(name, value, false);
        self
    }

    /// As [`Target::with_setting`], but omitted if a server does not know the setting or refuses its value.
    #[must_use]
    pub fn with_optional_setting(mut self, name: &str, value: &str) -> Self {
        self.options.set(name, value, true);
        self
    }

    /// The same, without any server setting of ours or the user's.
    #[must_use]
    pub(crate) fn without_settings(self) -> Self {
        Self { options: StartupOptions::none(), ..self }
    }

    /// The same, without `target_session_attrs`.
    #[must_use]
    pub(crate) fn with_any_session(self) -> Self {
        Self { session: SessionKind::Any, ..self }
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The same, with an `application_name` that is used if neither conninfo nor `PGAPPNAME` sets one.
    #[must_use]
    pub fn with_application_name_default(mut self, name: &str) -> Self {
        if self.template.get_application_name().is_none() {
            self.template.application_name(name);
        }
        self
    }

    /// The servers as `host:port` or `/socket/folder:port`, joined by commas; for logs.
    pub fn label(&self) -> String {
        join(self.servers.list().iter().map(ServerAddress::to_string))
    }

    /// The target as a URL, with `xxxxx` in place of a password.
    pub fn redacted(&self) -> String {
        let user = match self.password {
            Some(_) => format!("{}:xxxxx", encode_name(&self.user)),
            None => encode_name(&self.user),
        };
        let hosts = join(self.servers.list().iter().map(url_host));
        let database = self.database.as_deref().map(encode_name).unwrap_or_default();
        let query = url_query(&self.given);
        format!("postgres://{user}@{hosts}/{database}{query}")
    }

    /// Omits the optional setting that a server refuses with this error, also in later connections to it. Returns `false`
    /// if the error is about something else.
    pub(crate) fn leave_out_refused(&self, server: &str, error: &ConnectError) -> bool {
        error.is_about_a_setting()
            && !error.is_about_startup_parameters()
            && self.options.leave_out(server, |setting| error.mentions(setting))
    }

    /// Sends no setting of the exporter's own any more if a pooler refuses them, or if code that runs at login fails, as a
    /// login trigger that writes does in a read-only session. Returns `false` if the error is about something else.
    pub(crate) fn defer_settings(&self, server: &str, error: &ConnectError) -> bool {
        if error.is_about_startup_parameters() {
            return self.options.defer(server, None);
        }
        error.is_of_login_code() && self.options.defer(server, Some(self.database_name()))
    }

    /// The exporter's own settings, if they are not sent at connect.
    pub(crate) fn deferred_settings(&self, server: &str) -> Option<Vec<OwnSetting>> {
        self.options.is_deferred(server, self.database_name()).then(|| self.options.own())
    }

    /// The settings that [`Target::with_setting`] and [`Target::with_optional_setting`] have set, without those that the
    /// conninfo or `PGOPTIONS` override.
    pub fn own_settings(&self) -> Vec<OwnSetting> {
        self.options.own()
    }

    /// Records that a server of this version accepted the settings.
    pub(crate) fn settings_accepted(&self, server: &str, version: Option<&str>) {
        self.options.accepted(server, version);
    }

    /// The driver's configuration for one server, without its address. Reads the password file.
    pub(crate) fn driver_config(&self, server: &ServerAddress) -> Config {
        let mut config = self.template.clone();
        config.port(server.port);
        if let Some(database) = &self.database {
            config.dbname(database);
        }
        if let Some(options) = self.options.text(&server.to_string(), self.database_name()) {
            config.options(options);
        }
        if let Some(password) = self.password.clone().or_else(|| self.password_from_file(server)) {
            config.password(password);
        }
        config
    }

    /// Why an existing password file was ignored, if no password was given.
    pub(crate) fn ignored_password_file(&self) -> Option<String> {
        self.password_file.as_deref().filter(|_| self.password.is_none()).and_then(pgpass::problem)
    }

    fn password_from_file(&self, server: &ServerAddress) -> Option<Vec<u8>> {
        let wanted = pgpass::PasswordLookup {
            hosts: &server.names_in_password_file(),
            port: server.port,
            database: self.database_name(),
            user: &self.user,
        };
        pgpass::find(self.password_file.as_deref()?, &wanted)
    }

    /// The conninfo's `sslmode` for a server: never TLS on a Unix socket.
    pub(crate) fn tls_mode(&self, server: &ServerAddress) -> TlsMode {
        if server.is_unix() { TlsMode::Disable } else { self.tls.mode }
    }
}

fn warn_of_ignored(given: &Parameters) {
    for (name, why) in given.keys().filter_map(|name| Some((name, ignored(name)?))) {
        warn!("connection parameter {name} ignored: {why}");
    }
}

/// No limit if it is 0 or negative, as in libpq.
fn connect_timeout(given: &Parameters) -> Result<Option<Duration>, TargetError> {
    let seconds = number(given, "connect_timeout")?.and_then(|seconds| u64::try_from(seconds).ok());
    Ok(seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// Refuses values that ask for something unsupported.
fn check_values(given: &Parameters) -> Result<(), TargetError> {
    if let Some(encoding) = given.get("client_encoding") {
        let name: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
        if !["utf8", "unicode", "auto"].contains(&name.to_ascii_lowercase().as_str()) {
            return Err(TargetError::value("client_encoding", "expected UTF8, which the exporter always uses"));
        }
    }
    if given.get("gssencmode").is_some_and(|mode| !["disable", "prefer"].contains(&mode.as_str())) {
        return Err(TargetError::value("gssencmode", "expected disable or prefer: GSSAPI is not supported"));
    }
    if given.get("min_protocol_version").is_some_and(|version| version != "3.0") {
        return Err(TargetError::value("min_protocol_version", "expected 3.0, which the exporter uses"));
    }
    Ok(())
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.redacted()).finish()
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
