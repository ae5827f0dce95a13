//! Where the logs of the server and of its Patroni are on this host.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use engine::{LogLocation, LogProgram};
use logs::{Format, Pattern, Place, Sampling};
use tokio_postgres::{Error, Row};

/// The settings that say where the log is, as far as the role may read them, and whether the client is on the server's host.
pub(crate) const SQL: &str = "\
SELECT ARRAY(SELECT s.name || '=' || s.setting FROM pg_catalog.pg_settings s
              WHERE s.name IN ('data_directory', 'log_destination', 'log_directory', 'log_filename', 'log_line_prefix',
                               'logging_collector', 'log_min_duration_statement', 'log_min_duration_sample',
                               'log_statement_sample_rate', 'log_transaction_sample_rate', 'auto_explain.sample_rate')),
       coalesce(pg_catalog.host(pg_catalog.inet_client_addr()) = pg_catalog.host(pg_catalog.inet_server_addr()), true)";

/// Where Patroni's log is, if no flag says so.
const PATRONI: &str = "/var/log/patroni";

/// Where the flags say that the logs are.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogPaths {
    pub(crate) postgres: Option<PathBuf>,
    pub(crate) patroni: Option<PathBuf>,
}

/// What the server says about its log.
#[derive(Debug, Default)]
pub(crate) struct LogSettings {
    values: BTreeMap<String, String>,
    is_local: bool,
}

/// Reads the row of [`SQL`].
///
/// # Errors
/// If it has another shape.
pub(crate) fn read(row: &Row) -> Result<LogSettings, Error> {
    let settings: Vec<String> = row.try_get(0)?;
    let pairs = settings.iter().filter_map(|setting| setting.split_once('='));
    let values = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(LogSettings { values, is_local: row.try_get(1)? })
}

/// The logs that can be read on this host, and why others cannot.
pub(crate) fn locate(settings: &LogSettings, paths: &LogPaths) -> Vec<LogLocation> {
    let postgres = LogLocation {
        program: LogProgram::Postgres,
        found: postgres(settings, paths.postgres.as_deref()),
        sampling: Sampling::from_settings(|name| settings.values.get(name).map(String::as_str)),
    };
    let patroni = match &paths.patroni {
        Some(path) => Some(given(path, "*.log", Format::patroni())),
        None if settings.is_local && Path::new(PATRONI).is_dir() => {
            Some(given(Path::new(PATRONI), "*.log", Format::patroni()))
        }
        None => None,
    };
    let patroni =
        patroni.map(|found| LogLocation { program: LogProgram::Patroni, found, sampling: Sampling::default() });
    std::iter::once(postgres).chain(patroni).collect()
}

type Found = Result<(Place, Format), String>;

fn postgres(settings: &LogSettings, given_path: Option<&Path>) -> Found {
    let value = |name: &str| settings.values.get(name).map(String::as_str);
    let stderr = || {
        let prefix = value("log_line_prefix").unwrap_or_default();
        Format::stderr(prefix).ok_or_else(|| "log_line_prefix is too long to be parsed".to_owned())
    };
    if let Some(path) = given_path {
        let wants = |ending: &str| {
            path.extension().is_some_and(|found| found == ending)
                || path.is_dir() && value("log_destination").is_some_and(|destination| destination.contains(ending))
        };
        return match (wants("json"), wants("csv")) {
            (true, _) => given(path, "*.json", Format::Json),
            (_, true) => given(path, "*.csv", Format::Csv),
            _ => given(path, "*.log", stderr()?),
        };
    }
    if !settings.is_local {
        return Err("the server is on another host: run an exporter beside it, or give --log.postgres-path".to_owned());
    }
    let (Some(destination), Some(collector)) = (value("log_destination"), value("logging_collector")) else {
        return Err("the server does not say where its log is".to_owned());
    };
    let has = |wanted: &str| destination.split(',').any(|one| one.trim() == wanted);
    if collector != "on" {
        return redirected(value("data_directory"), stderr()?);
    }
    let (Some(data), Some(directory), Some(filename)) =
        (value("data_directory"), value("log_directory"), value("log_filename"))
    else {
        return Err("the role does not see log_directory: GRANT pg_read_all_settings to it".to_owned());
    };
    let directory = Path::new(data).join(directory);
    let (suffix, format) = match (has("jsonlog"), has("csvlog"), has("stderr")) {
        (true, _, _) => (Some(".json"), Format::Json),
        (_, true, _) => (Some(".csv"), Format::Csv),
        (_, _, true) => (None, stderr()?),
        _ => {
            return Err(format!(
                "log_destination is {destination}: ALTER SYSTEM SET log_destination = 'jsonlog', then SELECT pg_reload_conf()"
            ));
        }
    };
    let pattern = Pattern::log_filename(filename, suffix).map_err(|error| format!("log_filename: {error}"))?;
    readable(Place { directory, pattern }, format)
}

/// Where the server's standard error leads to, without the logging collector.
fn redirected(data: Option<&str>, format: Format) -> Found {
    let file = data.and_then(|data| standard_error(Path::new(data)).or_else(|| of_debian(Path::new(data))));
    let Some(file) = file else {
        return Err("logging_collector is off, and the file that the server's standard error leads to is not known: \
                    ALTER SYSTEM SET logging_collector = on and restart, or give --log.postgres-path"
            .to_owned());
    };
    let place = Place::file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    readable(place, format)
}

/// The file behind the standard error of the postmaster, if we may see it.
fn standard_error(data: &Path) -> Option<PathBuf> {
    let pid = files::read_text(&data.join("postmaster.pid")).ok()?;
    let pid: u32 = pid.lines().next()?.trim().parse().ok()?;
    let file = fs::read_link(format!("/proc/{pid}/fd/2")).ok()?;
    fs::metadata(&file).ok()?.is_file().then_some(file)
}

/// The file that Debian's pg_ctlcluster redirects standard error to.
fn of_debian(data: &Path) -> Option<PathBuf> {
    let (cluster, major) = (data.file_name()?.to_str()?, data.parent()?.file_name()?.to_str()?);
    let file = PathBuf::from(format!("/var/log/postgresql/postgresql-{major}-{cluster}.log"));
    file.exists().then_some(file)
}

/// A folder or file that a flag names.
fn given(path: &Path, pattern: &str, format: Format) -> Found {
    let place = Place::given(path, pattern).map_err(|error| format!("{}: {error}", path.display()))?;
    readable(place, format)
}

/// The place, if it can be read.
fn readable(place: Place, format: Format) -> Found {
    match place.check() {
        Ok(_) => Ok((place, format)),
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::PermissionDenied => {
                    ": let the exporter's user read it (usermod -aG postgres pg-exporter, log_file_mode = 0640, and a \
                     log_directory outside of the data directory)"
                }
                ErrorKind::NotFound => ": is it on another host or in another container? Give --log.postgres-path",
                _ => "",
            };
            Err(format!("cannot read {error}{advice}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)], is_local: bool) -> LogSettings {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        LogSettings { values, is_local }
    }

    fn found(settings: &LogSettings, paths: &LogPaths) -> Result<String, String> {
        let mut logs = locate(settings, paths);
        let found = logs.remove(0).found;
        found.map(|(place, format)| format!("{} {format}", place.directory.display()))
    }

    #[test]
    fn prefers_the_structured_format() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        let data = folder.path().to_str().unwrap();
        for (destination, format) in [("stderr,jsonlog", "jsonlog"), ("stderr, csvlog", "csvlog"), ("stderr", "stderr")]
        {
            let values = [
                ("data_directory", data),
                ("log_destination", destination),
                ("log_directory", "log"),
                ("log_filename", "postgresql-%a.log"),
                ("logging_collector", "on"),
            ];
            let place = format!("{data}/log {format}");
            assert_eq!(found(&settings(&values, true), &LogPaths::default()), Ok(place));
            let remote = found(&settings(&values, false), &LogPaths::default()).unwrap_err();
            assert!(remote.starts_with("the server is on another host"), "{remote}");
        }
    }

    #[test]
    fn asks_for_all_that_decides_about_sampling() {
        assert!(Sampling::SETTINGS.iter().all(|name| SQL.contains(&format!("'{name}'"))));
        let sampled = settings(&[("log_min_duration_sample", "0"), ("log_statement_sample_rate", "0.01")], true);
        assert_eq!(locate(&sampled, &LogPaths::default())[0].sampling.statement_weight(0.1), 100.0);
    }

    #[test]
    fn says_what_is_missing() {
        let of = |values: &[(&str, &str)]| found(&settings(values, true), &LogPaths::default()).unwrap_err();
        assert!(
            of(&[("log_destination", "stderr"), ("logging_collector", "off")]).starts_with("logging_collector is off")
        );
        assert!(of(&[("log_destination", "stderr"), ("logging_collector", "on")]).contains("pg_read_all_settings"));
        let nowhere = [
            ("data_directory", "/nonexistent"),
            ("log_destination", "syslog"),
            ("log_directory", "log"),
            ("log_filename", "a.log"),
            ("logging_collector", "on"),
        ];
        assert!(of(&nowhere).starts_with("log_destination is syslog: ALTER SYSTEM SET log_destination"));
    }

    #[test]
    fn takes_what_a_flag_names() {
        let folder = tempfile::tempdir().unwrap();
        let paths = |name: &str| LogPaths { postgres: Some(folder.path().join(name)), patroni: None };
        let none = settings(&[], false);
        for (name, format) in [("a.json", "jsonlog"), ("a.csv", "csvlog"), ("a.log", "stderr")] {
            assert!(found(&none, &paths(name)).unwrap().ends_with(format), "{name}");
        }
    }
}
