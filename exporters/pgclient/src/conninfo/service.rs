//! The connection service file, `pg_service.conf`: named sets of parameters.

use std::io;
use std::path::{Path, PathBuf};

use super::parameters::Parameters;
use crate::environment::Environment;
use crate::error::TargetError;

/// The parameters of a service.
///
/// Searches `file` if given, else `PGSERVICEFILE` or `~/.pg_service.conf`, then the system-wide `pg_service.conf` in
/// `PGSYSCONFDIR`. The first file that defines the service counts.
pub(crate) fn parameters(service: &str, file: Option<&str>, env: &Environment) -> Result<Parameters, TargetError> {
    let files = candidates(file, env);
    for path in &files {
        let text = match files::read_text_or_pipe(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failure(service, format!("cannot read {}: {error}", path.display()))),
        };
        if let Some(parameters) = find(&text, service, path)? {
            return Ok(parameters);
        }
    }
    let searched: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    Err(failure(service, format!("not found in {}", searched.join(", "))))
}

fn candidates(file: Option<&str>, env: &Environment) -> Vec<PathBuf> {
    let own = file
        .or_else(|| env.variable("PGSERVICEFILE"))
        .map(|path| env.expand(path))
        .or_else(|| env.home_file(".pg_service.conf"));
    let system = env.variable("PGSYSCONFDIR").unwrap_or("/etc/postgresql-common");
    own.into_iter().chain([Path::new(system).join("pg_service.conf")]).collect()
}

fn find(text: &str, service: &str, path: &Path) -> Result<Option<Parameters>, TargetError> {
    let mut found: Option<Parameters> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            if section == service {
                found = Some(Parameters::new());
            }
            continue;
        }
        let Some(parameters) = &mut found else { continue };
        let at = || format!("{}, line {}", path.display(), index + 1);
        let Some((name, value)) = line.split_once('=') else {
            return Err(failure(service, format!("{}: expected name=value", at())));
        };
        let name = name.trim();
        if matches!(name, "service" | "servicefile") {
            return Err(failure(service, format!("{}: a service cannot name another service", at())));
        }
        // If a parameter is given twice, the first value counts here, as in libpq.
        parameters.entry(name.to_owned()).or_insert_with(|| value.trim().to_owned());
    }
    Ok(found)
}

fn failure(service: &str, problem: String) -> TargetError {
    TargetError::Service { service: service.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n[prod]\nhost=db1\nport = 5433\npassword=a=b #c\n\n[test]\nhost=db2\n[broken]\ns3cret\n";

    #[test]
    fn finds_section_of_a_service() {
        let prod = find(FILE, "prod", Path::new("f")).unwrap().unwrap();
        let pairs: Vec<_> = prod.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("host", "db1"), ("password", "a=b #c"), ("port", "5433")]);
        assert!(find(FILE, "other", Path::new("f")).unwrap().is_none());
    }

    #[test]
    fn reports_bad_line_without_quoting_it() {
        let error = find(FILE, "broken", Path::new("f")).unwrap_err();
        assert_eq!(error.to_string(), "service \"broken\": f, line 10: expected name=value");
    }

    #[test]
    fn searches_user_and_system_file() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.conf");
        std::fs::write(&own, "[a]\nhost=own\n").unwrap();
        std::fs::write(folder.path().join("pg_service.conf"), "[a]\nhost=system\n[b]\nhost=system\n").unwrap();
        let env = Environment::from_variables([
            ("PGSERVICEFILE", own.to_str().unwrap()),
            ("PGSYSCONFDIR", folder.path().to_str().unwrap()),
        ]);
        assert_eq!(parameters("a", None, &env).unwrap()["host"], "own");
        assert_eq!(parameters("b", None, &env).unwrap()["host"], "system");
        let error = parameters("c", None, &env).unwrap_err().to_string();
        assert!(error.contains("not found in") && error.contains("own.conf"), "{error}");
    }
}
