//! Where PgBouncer's log file is on this host.

use std::path::Path;

use engine::{LogLocation, LogProgram};
use logs::{Format, Place};

/// The file that the setting `logfile` names, of the PgBouncer at `target`: a socket folder or a host, and a port.
pub(crate) fn locate(target: &str, logfile: &str) -> LogLocation {
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
    let is_local = host.starts_with('/') || host.starts_with("127.") || matches!(host, "localhost" | "::1" | "[::1]");
    let found = match (is_local, logfile) {
        (false, _) => Err("PgBouncer is on another host: run an exporter beside it".to_owned()),
        (_, "") => Err("PgBouncer has no log file: set logfile in pgbouncer.ini and restart it".to_owned()),
        _ => readable(Path::new(logfile)),
    };
    LogLocation { program: LogProgram::Pgbouncer, found, sampling: logs::Sampling::default() }
}

fn readable(file: &Path) -> Result<(Place, Format), String> {
    let advice = "let the exporter's user read it, as with usermod -aG postgres pg-exporter";
    files::open(file)
        .and_then(|_| Place::file(file))
        .map(|place| (place, Format::pgbouncer()))
        .map_err(|error| format!("cannot read {}: {error} ({advice})", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_log_of_this_host_only() {
        let found = |target, file| locate(target, file).found.map(|(place, _)| place.directory.display().to_string());
        assert_eq!(found("/run/pgbouncer:6432", "/dev/null"), Ok("/dev".to_owned()));
        assert_eq!(found("127.0.0.1:6432", "/dev/null"), Ok("/dev".to_owned()));
        for (target, file, why) in [
            ("db1:6432", "/dev/null", "PgBouncer is on another host"),
            ("localhost:6432", "", "PgBouncer has no log file"),
            ("[::1]:6432", "/nonexistent/log", "cannot read /nonexistent/log: "),
        ] {
            assert!(found(target, file).unwrap_err().starts_with(why), "{target}");
        }
    }
}
