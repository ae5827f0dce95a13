//! Where and how to connect.

use crate::connect::{self, SessionKind};
use crate::connection::Connection;
use crate::environment::Environment;
use crate::error::{ConnectError, TargetError};
use crate::options::StartupOptions;
use crate::parameters::{self, Parameters, number, word};
use crate::pgpass;
use crate::place::Place;
use crate::server::{Server, Servers};
use crate::tls::{Mode, TlsSettings};
use crate::url::encode;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host};

// Where the conninfo does not say otherwise, a peer that is gone is noticed within 30 seconds on an idle connection; by the
// system's defaults it takes two hours. There is no user timeout by default, see `reachability`.
const KEEPALIVES_IDLE: u64 = 10;
const KEEPALIVES_INTERVAL: u64 = 10;
const KEEPALIVES_COUNT: u32 = 2;

/// Where and how to connect, resolved from a conninfo, the service file, `PG*` variables and defaults.
///
/// Its `Debug` is [`Target::redacted`].
#[derive(Clone)]
pub struct Target {
    /// As given, for [`Target::redacted`]; without the password.
    given: Parameters,
    user: String,
    password: Option<String>,
    password_file: Option<PathBuf>,
    database: Option<String>,
    options: StartupOptions,
    connect_timeout: Option<Duration>,
    /// What the driver needs to know and is the same for every server and database.
    template: Config,
    pub(crate) servers: Servers,
    pub(crate) shuffle: bool,
    pub(crate) session: SessionKind,
    pub(crate) tls: TlsSettings,
}

impl Target {
    /// Reads a `postgres://` or `postgresql://` URL or a libpq `key=value` string; an empty one means all defaults.
    ///
    /// Each parameter is taken from the string, else from the entry of its `service` (or `PGSERVICE`) in the service
    /// file, else from its `PG*` variable, else by default:
    /// the user of the process, the Unix socket in `/var/run/postgresql` or `/tmp` if there is one and localhost if not,
    /// port 5432, `sslmode=prefer`. A name that is not one of libpq's is a server setting (`?statement_timeout=5s`).
    ///
    /// # Errors
    /// What is wrong, with the parameter's name or the position in the string, never with a part of the string itself.
    pub fn parse(conninfo: &str, env: &Environment) -> Result<Target, TargetError> {
        let mut given = parameters::gather(conninfo, env)?;
        let password = given.remove("password");
        let user = given.get("user").map(String::as_str).or_else(|| env.user()).ok_or(TargetError::NoUser)?;
        let encodings = ["UTF8", "utf8", "UTF-8", "utf-8", "auto"].map(|name| (name, ()));
        word(&given, "client_encoding", &encodings)?;
        Ok(Target {
            user: user.to_owned(),
            password,
            password_file: match given.get("passfile") {
                Some(file) => Some(env.expand(file)),
                None => env.home_file(".pgpass"),
            },
            database: given.get("dbname").cloned(),
            options: StartupOptions::from_parameters(&given),
            connect_timeout: number(&given, "connect_timeout")?.filter(|s| *s > 0).map(Duration::from_secs),
            template: template(user, &given)?,
            servers: Servers::from_parameters(&given, env.socket_folders())?,
            shuffle: word(&given, "load_balance_hosts", &[("disable", false), ("random", true)])?.unwrap_or(false),
            session: SessionKind::from_parameters(&given)?,
            tls: TlsSettings::from_parameters(&given, env)?,
            given,
        })
    }

    /// The database's name; none leaves it to the server, which takes the one named like the user.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The same server, another database. The name is taken as it is, whatever characters it has.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Target {
        Target { database: Some(name.to_owned()), ..self.clone() }
    }

    /// The same, with a server setting sent when connecting. What the user set in conninfo or `PGOPTIONS` wins over it.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Target {
        self.options.set(name, value, false);
        self
    }

    /// As [`Target::with_setting`], but left out where a server does not know the setting or does not take the value.
    #[must_use]
    pub fn with_optional_setting(mut self, name: &str, value: &str) -> Target {
        self.options.set(name, value, true);
        self
    }

    /// The same without any server setting, ours or the user's.
    #[must_use]
    pub(crate) fn without_settings(self) -> Target {
        Target { options: StartupOptions::none(), ..self }
    }

    /// The same, whatever `target_session_attrs` says.
    #[must_use]
    pub(crate) fn with_any_session(self) -> Target {
        Target { session: SessionKind::Any, ..self }
    }

    /// Who connects.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The same, with an `application_name` for where neither conninfo nor `PGAPPNAME` has one.
    #[must_use]
    pub fn with_application_name_default(mut self, name: &str) -> Target {
        if self.template.get_application_name().is_none() {
            self.template.application_name(name);
        }
        self
    }

    /// The servers as `host:port` or `/socket/folder:port`, joined by commas; for logs.
    pub fn label(&self) -> String {
        join(self.servers.list().iter().map(Server::to_string))
    }

    /// The target as a URL, with `xxxxx` in place of a password.
    pub fn redacted(&self) -> String {
        let servers = self.servers.list();
        let password = if self.password.is_some() { ":xxxxx" } else { "" };
        let hosts = join(servers.iter().map(|server| match &server.host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", server.port),
            _ => format!("{}:{}", encode(&server.host_name(), ""), server.port),
        }));
        let database = self.database.as_deref().map(|name| encode(name, "")).unwrap_or_default();
        let elsewhere = ["host", "port", "user", "dbname"];
        let rest: Vec<String> = self
            .given
            .iter()
            .filter(|(name, _)| !elsewhere.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}={}", encode(value, "/,:")))
            .collect();
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        format!("postgres://{}{password}@{hosts}/{database}{query}", encode(&self.user, ""))
    }

    /// Opens a connection in `place`: to the first of the servers that will have it, within `timeout` or the conninfo's
    /// `connect_timeout` if that is shorter. The time covers name resolution, TCP, TLS and authentication.
    ///
    /// A login that is not over by then goes on in the place, and the next call there waits for it instead of beginning
    /// another: see [`Place::late_connection`].
    ///
    /// # Errors
    /// With the server's label, and its own words and SQLSTATE if it was the server that refused; of several servers the
    /// error that says most.
    pub async fn connect(&self, place: &Place, timeout: Duration) -> Result<Connection, ConnectError> {
        let budget = self.connect_timeout.map_or(timeout, |own| own.min(timeout));
        connect::connect(self, place, budget).await
    }

    /// Leaves out the optional setting that a server refuses by this error, now and in later connections to it; `false` if
    /// the error is about something else.
    pub(crate) fn leave_out_refused(&self, server: &str, error: &ConnectError) -> bool {
        error.is_about_a_setting() && self.options.leave_out(server, |setting| error.names(setting))
    }

    /// Notes that a server of this version has taken the settings.
    pub(crate) fn settings_taken(&self, server: &str, version: Option<&str>) {
        self.options.taken(server, version);
    }

    /// The driver's configuration for one server, without its address. Reads the password file.
    pub(crate) fn driver_config(&self, server: &Server) -> Config {
        let mut config = self.template.clone();
        config.port(server.port);
        if let Some(database) = &self.database {
            config.dbname(database);
        }
        if let Some(options) = self.options.text(&server.to_string()) {
            config.options(options);
        }
        if let Some(password) = self.password.clone().or_else(|| self.password_from_file(server)) {
            config.password(password);
        }
        config
    }

    /// Why the password file is not used although there is one and no password was given.
    pub(crate) fn ignored_password_file(&self) -> Option<String> {
        self.password_file.as_deref().filter(|_| self.password.is_none()).and_then(pgpass::problem)
    }

    fn password_from_file(&self, server: &Server) -> Option<String> {
        let wanted = pgpass::Lookup {
            hosts: &server.names_in_password_file(),
            port: server.port,
            database: self.database.as_deref().unwrap_or(&self.user),
            user: &self.user,
        };
        pgpass::find(self.password_file.as_deref()?, &wanted)
    }

    /// The conninfo's `sslmode` for a server: never TLS on a Unix socket.
    pub(crate) fn tls_mode(&self, server: &Server) -> Mode {
        if server.is_unix() { Mode::Disable } else { self.tls.mode }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.redacted()).finish()
    }
}

fn template(user: &str, given: &Parameters) -> Result<Config, TargetError> {
    let bindings = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let mut config = Config::new();
    config.user(user);
    if let Some(name) = given.get("application_name").or_else(|| given.get("fallback_application_name")) {
        config.application_name(name);
    }
    if let Some(binding) = word(given, "channel_binding", &bindings)? {
        config.channel_binding(binding);
    }
    if let Some(on) = number::<u32>(given, "keepalives")? {
        config.keepalives(on != 0);
    }
    // For these 0 means the system's default.
    let seconds = number(given, "keepalives_idle")?.unwrap_or(KEEPALIVES_IDLE);
    if seconds > 0 {
        config.keepalives_idle(Duration::from_secs(seconds));
    }
    let seconds = number(given, "keepalives_interval")?.unwrap_or(KEEPALIVES_INTERVAL);
    if seconds > 0 {
        config.keepalives_interval(Duration::from_secs(seconds));
    }
    let count = number(given, "keepalives_count")?.unwrap_or(KEEPALIVES_COUNT);
    if count > 0 {
        config.keepalives_retries(count);
    }
    if let Some(milliseconds) = number(given, "tcp_user_timeout")?.filter(|milliseconds| *milliseconds > 0) {
        config.tcp_user_timeout(Duration::from_millis(milliseconds));
    }
    Ok(config)
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(conninfo: &str) -> Target {
        let env = Environment::from_variables([("USER", "me")]).with_socket_folders([]);
        Target::parse(conninfo, &env).unwrap()
    }

    #[test]
    fn defaults() {
        let target = target("");
        assert_eq!(target.label(), "localhost:5432");
        assert_eq!(target.redacted(), "postgres://me@localhost:5432/");
        assert_eq!(target.database(), None);
        let nobody = Environment::from_variables::<&str, &str>([]);
        assert_eq!(Target::parse("", &nobody).unwrap_err(), TargetError::NoUser);
    }

    #[test]
    fn a_password_is_not_shown() {
        for conninfo in [
            "postgres://mon:s3cret@db1/app?sslmode=require",
            "postgres://db1/app?sslmode=require&password=s3cret&user=mon",
            "host=db1 user=mon dbname=app sslmode=require password=s3cret",
        ] {
            let target = target(conninfo);
            assert_eq!(target.redacted(), "postgres://mon:xxxxx@db1:5432/app?sslmode=require");
            assert_eq!(format!("{target:?}"), "Target(\"postgres://mon:xxxxx@db1:5432/app?sslmode=require\")");
            let server = &target.servers.list()[0];
            assert_eq!(target.driver_config(server).get_password(), Some(b"s3cret".as_slice()));
        }
    }

    #[test]
    fn redaction_encodes() {
        let target = target("host=/run/pg,::1 port=5433 dbname='a b/c' user=x@y options='-c a=b'");
        assert_eq!(target.redacted(), "postgres://x%40y@%2Frun%2Fpg:5433,[::1]:5433/a%20b%2Fc?options=-c%20a%3Db");
        assert_eq!(target.label(), "/run/pg:5433,[::1]:5433");
    }

    #[test]
    fn any_database_name() {
        let target = target("dbname=a").with_database("it's \"b\"\n c=d");
        assert_eq!(target.database(), Some("it's \"b\"\n c=d"));
        let server = &target.servers.list()[0];
        assert_eq!(target.driver_config(server).get_dbname(), target.database());
    }

    #[test]
    fn application_name() {
        let name = |conninfo| {
            let target = target(conninfo).with_application_name_default("exporter");
            target.template.get_application_name().map(str::to_owned).unwrap()
        };
        assert_eq!(name(""), "exporter");
        assert_eq!(name("application_name=mine"), "mine");
    }

    #[test]
    fn password_file_is_read_at_every_connect() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o600)).unwrap();
        let target = target(&format!("host=/run/pg user=mon passfile={}", file.path().display()));
        let password = || target.driver_config(&target.servers.list()[0]).get_password().map(<[u8]>::to_vec);
        assert_eq!(password(), None);
        std::fs::write(file.path(), "localhost:5432:mon:mon:old\n").unwrap();
        assert_eq!(password(), Some(b"old".to_vec()));
        std::fs::write(file.path(), "/run/pg:5432:mon:mon:new\n").unwrap();
        assert_eq!(password(), Some(b"new".to_vec()));
    }

    #[test]
    fn no_error_has_the_password() {
        for rest in ["port=x", "sslmode=x", "keepalives=x", "target_session_attrs=x", "client_encoding=LATIN1", "x"] {
            let env = Environment::from_variables([("USER", "me")]);
            let error = Target::parse(&format!("password=s3cret {rest}"), &env).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
