//! What to do about a refused connection, where the server's own words do not say it.

use engine::Reason;
use pgclient::ConnectError;

const REFUSED: &str = "(is PostgreSQL running there? set --url or PG_EXPORTER_URL)";
const NO_DATABASE: &str =
    "(no database is given, so it is the one named like the user: add /postgres to the URL, or dbname=postgres)";
const PEER: &str = "(on a Unix socket the server compares the role with the user of the operating system: run the exporter \
                    as that user, or set a host and a password)";
const SETTING: &str = "(it is a parameter of the URL or of PGOPTIONS: is the name misspelt?)";
const NO_TLS: &str = "(switch TLS on in the server, or set sslmode=prefer)";
/// The server cannot load a library for the session.
const LIBRARY: &str =
    "(does session_preload_libraries of the role, the database or the server name a library that is not installed?)";
/// The target is not PostgreSQL.
pub(super) const CONSOLE_HINT: &str = "(the target is PgBouncer's admin console: read it with pgbouncer-exporter, --url and port 9631; pg-exporter needs the \
     port of PostgreSQL and one of its databases)";
/// The name of the console's database, which PgBouncer allows for nothing else.
const CONSOLE_DATABASE: &str = "pgbouncer";

/// What to do about a refusal of a connection to `database`, which may be the default for want of a name.
pub(super) fn hint(error: &ConnectError, database: &str, is_default: bool) -> Option<&'static str> {
    let is_of_console = database == CONSOLE_DATABASE && error.is_of_pooler();
    match (error.reason(), error.sqlstate()) {
        (Reason::Refused, None) => Some(REFUSED),
        (_, Some("58P01")) => Some(LIBRARY),
        (Reason::Console, _) => Some(CONSOLE_HINT),
        _ if is_of_console => Some(CONSOLE_HINT),
        (Reason::Tls, None) if error.to_string().contains("does not support TLS") => Some(NO_TLS),
        (Reason::NoDatabase, _) if is_default => Some(NO_DATABASE),
        (Reason::Auth, Some("28000")) if error.to_string().contains("eer authentication failed") => Some(PEER),
        (Reason::UnknownSetting, Some("42704")) => Some(SETTING),
        _ => None,
    }
}
