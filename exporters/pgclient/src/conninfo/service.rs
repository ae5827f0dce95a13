//! The connection service file, `pg_service.conf`: named sets of parameters.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::given::Given;
use crate::environment::Environment;
use crate::error::TargetError;

/// The parameters of a service.
///
/// Searches `file` if given, else `PGSERVICEFILE` or `~/.pg_service.conf`, then the system-wide `pg_service.conf` in
/// `PGSYSCONFDIR`. The first file that defines the service counts.
pub(crate) fn parameters(service: &str, file: Option<&OsStr>, env: &Environment) -> Result<Given, TargetError> {
    let files = candidates(file, env);
    for path in &files {
        let content = match files::read_file_or_pipe(path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failure(service, format!("cannot read {}: {error}", path.display()))),
        };
        if let Some(found) = find(&content, service, path)? {
            return Ok(found);
        }
    }
    let searched: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    Err(failure(service, format!("not found in {}", searched.join(", "))))
}

fn candidates(file: Option<&OsStr>, env: &Environment) -> Vec<PathBuf> {
    let own = file
        .or_else(|| env.value("PGSERVICEFILE"))
        .map(|path| env.expand(path))
        .or_else(|| env.home_file(".pg_service.conf"));
    let system = env.value("PGSYSCONFDIR").unwrap_or(OsStr::new("/etc/postgresql-common"));
    own.into_iter().chain([Path::new(system).join("pg_service.conf")]).collect()
}

/// The parameters of the service. Only its own lines have to be UTF-8, apart from the password.
pub(crate) fn find(content: &[u8], service: &str, path: &Path) -> Result<Option<Given>, TargetError> {
    let mut found: Option<Given> = None;
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if let Some(section) = line.strip_prefix(b"[").and_then(|line| line.strip_suffix(b"]")) {
            if found.is_some() {
                break;
            }
            if section == service.as_bytes() {
                found = Some(Given::default());
            }
            continue;
        }
        let Some(given) = &mut found else { continue };
        let refused = |problem: &str| failure(service, format!("{}, line {}: {problem}", path.display(), index + 1));
        let mut parts = line.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err(refused("expected name=value"));
        };
        let not_utf8 = || refused("it is not UTF-8: save it in that encoding");
        let name = str::from_utf8(name.trim_ascii()).map_err(|_| not_utf8())?;
        if matches!(name, "service" | "servicefile") {
            return Err(refused("a service cannot name another service"));
        }
        // If a parameter is given twice, the first value counts here, as in libpq.
        if !given.has(name) {
            given.insert(name, value.trim_ascii().to_vec()).map_err(|_| not_utf8())?;
        }
    }
    Ok(found)
}

fn failure(service: &str, problem: String) -> TargetError {
    TargetError::Service { service: service.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"# ours \xe9\n[pr\xe9d]\nhost=\xe9\n[prod]\nhost=db1\nport = 5433\npassword=a=b #c\n\n[test]\nhost=db2\n[broken]\ns3cret\n";

    #[test]
    fn finds_section_of_a_service() {
        let prod = find(FILE, "prod", Path::new("f")).unwrap().unwrap();
        assert_eq!(prod.pairs(), ["host=db1", "password=a=b #c", "port=5433"]);
        assert!(find(FILE, "other", Path::new("f")).unwrap().is_none());
    }

    #[test]
    fn reports_bad_line_without_quoting_it() {
        let error = find(FILE, "broken", Path::new("f")).err().unwrap();
        assert_eq!(error.to_string(), "service \"broken\": f, line 12: expected name=value");
    }

    #[test]
    fn takes_any_bytes_as_password_only() {
        let given = find(b"[a]\r\npassword=p\xffw\r\n", "a", Path::new("f")).unwrap().unwrap();
        assert_eq!(given.password.unwrap(), b"p\xffw");
        for line in ["user=m\u{ff}", "us\u{ff}er=m"] {
            let file: Vec<u8> = format!("[a]\n{line}\n").chars().map(|c| c as u8).collect();
            let error = find(&file, "a", Path::new("f")).err().unwrap().to_string();
            assert_eq!(error, "service \"a\": f, line 2: it is not UTF-8: save it in that encoding");
        }
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
        assert_eq!(parameters("a", None, &env).unwrap().parameters["host"], "own");
        assert_eq!(parameters("b", None, &env).unwrap().parameters["host"], "system");
        let error = parameters("c", None, &env).err().unwrap().to_string();
        assert!(error.contains("not found in") && error.contains("own.conf"), "{error}");
    }
}
