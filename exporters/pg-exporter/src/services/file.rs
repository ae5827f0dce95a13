//! The services file: a map from the name of a service to its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::{YamlKind, YamlNode, parse_yaml};
use pgclient::Environment;

use super::problems::Problems;
use super::service::{Canary, Service};
use super::settings::{Described, Settings, fingerprint, is_name};
use super::table_name::TableName;

/// The most services: each one is a task, a connection and some forty series.
const MOST_SERVICES: usize = 50;

/// Why a services file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServicesError {
    /// The file cannot be read.
    #[error("cannot read the services file {}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    /// It has errors, one a line.
    #[error("{0}")]
    Content(Problems),
}

/// Reads the services of a file.
///
/// # Errors
/// All errors of the file, with their positions.
pub(crate) fn read(path: &Path, env: &Environment) -> Result<Vec<Service>, ServicesError> {
    let text = files::read_text(path).map_err(|error| ServicesError::File { path: path.to_owned(), error })?;
    parse(&path.display().to_string(), &text, env).map_err(ServicesError::Content)
}

fn parse(file: &str, text: &str, env: &Environment) -> Result<Vec<Service>, Problems> {
    let mut problems = Problems::of(file);
    let services = match parse_yaml(text) {
        Err((position, message)) => {
            problems.add(position, message);
            Vec::new()
        }
        Ok((_, Some(second))) => {
            problems.add(second, "expected one document in a file, found a second");
            Vec::new()
        }
        Ok((root, None)) => of_root(&root, env, &mut problems),
    };
    if problems.is_empty() { Ok(services) } else { Err(problems) }
}

fn of_root(root: &YamlNode, env: &Environment, problems: &mut Problems) -> Vec<Service> {
    let entries = match &root.kind {
        YamlKind::Map(entries) => entries,
        YamlKind::Null => return Vec::new(),
        _ => {
            let found = root.describe();
            problems.add(root.position, format!("expected a map from service to its settings, found {found}"));
            return Vec::new();
        }
    };
    let mut described: Vec<Described> = Vec::new();
    for (key, body) in entries {
        let Some(name) = key.scalar().filter(|name| is_name(name)) else {
            let found = key.describe();
            problems.add(
                key.position,
                format!("expected the name of a service (letters, digits, '.', '_' and '-'), found {found}"),
            );
            continue;
        };
        if described.iter().any(|other| other.name == name) {
            problems.add(key.position, format!("service {name} is there twice"));
        }
        if described.len() == MOST_SERVICES {
            problems.add(key.position, format!("expected at most {MOST_SERVICES} services"));
            break;
        }
        described.extend(Settings::read(name, key.position, body, problems).map(|mut settings| settings.describe(env)));
    }
    find_canaries(&mut described, problems);
    described.into_iter().filter_map(|described| described.service).collect()
}

/// Gives each service with `canary_of` the table of the other one.
fn find_canaries(described: &mut [Described], problems: &mut Problems) {
    // Without a table where the other service has errors, which are reported already.
    let mut tables: BTreeMap<String, Option<TableName>> = BTreeMap::new();
    for other in &*described {
        let table = match other.service.as_ref().map(|service| &service.canary) {
            None => None,
            Some(Some(Canary::Writes(table))) => Some(table.clone()),
            Some(_) => continue,
        };
        tables.insert(other.name.clone(), table);
    }
    for reader in described {
        let Some((position, of)) = &reader.canary_of else { continue };
        match (tables.get(of), &mut reader.service) {
            (None, _) => {
                let expected = "expected a service of this file with the key canary";
                problems.add(*position, format!("service {}: canary_of: {expected}, found \"{of}\"", reader.name));
            }
            (Some(Some(table)), Some(service)) => {
                let canary = Canary::Reads { of: of.clone(), table: table.clone() };
                service.fingerprint = fingerprint(&(service.fingerprint, &canary));
                service.canary = Some(canary);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::service::PromisedRole;
    use super::*;

    fn read(text: &str) -> Result<Vec<Service>, String> {
        let env = Environment::from_variables([("HOME", "/nonexistent"), ("USER", "me")]);
        parse("services.yml", text, &env).map_err(|problems| problems.to_string())
    }

    #[test]
    fn reads_services_with_defaults() {
        let services = read("rw:\n  url: postgres://u:s3cret@vip:5433/app\n  role: primary\nro:\n  url: host=vip port=5434\n  role: standby\n  max_lag: 10\n  interval: 2.5\n  timeout: 1\n  system_identifier: 7512345678901234567\n").unwrap();
        let [rw, ro] = &services[..] else { panic!("{services:?}") };
        assert_eq!((rw.name.as_str(), rw.role, rw.interval), ("rw", PromisedRole::Primary, Duration::from_secs(15)));
        assert_eq!((rw.timeout, rw.max_lag, rw.target.label().as_str()), (Duration::from_secs(5), None, "vip:5433"));
        assert_eq!(ro.max_lag, Some(Duration::from_secs(10)));
        assert_eq!(ro.system_identifier.as_deref(), Some("7512345678901234567"));
        assert!(!format!("{services:?}").contains("s3cret"));
        assert_ne!(rw.fingerprint, ro.fingerprint);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn a_reader_has_the_table_of_its_writer() {
        let of = |table: &str| {
            let file =
                "ro: {url: host=x, role: standby, canary_of: rw}\nrw: {url: host=x, role: primary, canary: TABLE}\n";
            let [ro, rw] = <[Service; 2]>::try_from(read(&file.replace("TABLE", table)).unwrap()).unwrap();
            let name = TableName::parse(table).unwrap();
            assert_eq!(rw.canary, Some(Canary::Writes(name.clone())));
            assert_eq!(ro.canary, Some(Canary::Reads { of: "rw".into(), table: name }));
            (ro.fingerprint, rw.fingerprint)
        };
        let ((ro, rw), (other_ro, other_rw)) = (of("m.a"), of("m.b"));
        assert!(ro != other_ro && rw != other_rw);
    }

    #[test]
    fn tells_every_error_with_its_position() {
        for (text, expected) in [
            ("- a\n", "services.yml:1:1: expected a map from service to its settings, found a list"),
            ("a: 1\n", "services.yml:1:4: service a: expected a map, found 1"),
            ("a:\n  role: any\n", "services.yml:1:1: service a: url is missing: expected where clients connect"),
            ("a:\n  url: host=x\n", "services.yml:1:1: service a: role is missing: expected primary, standby or any"),
            (
                "a:\n  url: host=x\n  role: replica\n",
                "services.yml:3:9: service a: role: expected primary, standby or any, found \"replica\"",
            ),
            (
                "a:\n  url: host=x\n  role: any\n  rol: 1\n",
                "services.yml:4:3: service a: unknown key \"rol\": expected one of url, role, system_identifier, interval, timeout, max_lag, canary, canary_of",
            ),
            (
                "a:\n  url: host=x port=s3cret\n  role: any\n",
                "services.yml:2:8: service a: url: port: port 1 of the list is not a number from 1 to 65535",
            ),
            (
                "a:\n  url: host=x\n  role: any\n  timeout: 0\n",
                "services.yml:4:12: service a: timeout: expected seconds from 0.1 to 60, found 0",
            ),
            (
                "a:\n  url: host=x\n  role: primary\n  max_lag: 1\n",
                "services.yml:4:12: service a: max_lag: expected none with role primary, which has no lag",
            ),
            (
                "a:\n  url: host=x\n  role: any\n  canary: monitor.canary\n",
                "services.yml:4:11: service a: canary: expected role primary, the canary is written",
            ),
            (
                "a:\n  url: host=x\n  role: primary\n  canary: canary; DROP TABLE x\n",
                "services.yml:4:11: service a: canary: expected schema.table (letters, digits and '_'), found \"canary; DROP TABLE x\"",
            ),
            (
                "a:\n  url: host=x\n  role: primary\n  canary: m.c\n  canary_of: b\n",
                "services.yml:5:14: service a: canary_of: expected none with canary",
            ),
            (
                "a:\n  url: host=x\n  role: standby\n  canary_of: b\nb: {url: host=x, role: any}\n",
                "services.yml:4:14: service a: canary_of: expected a service of this file with the key canary, found \"b\"",
            ),
            (
                "a:\n  url: host=x\n  role: standby\n  canary_of: [b]\n",
                "services.yml:4:14: service a: canary_of: expected the name of a service, found a list",
            ),
            (
                // One error is said once.
                "a: {url: host=x, role: any, canary_of: b}\nb: {url: host=x, role: primary, canary: c}\n",
                "services.yml:2:41: service b: canary: expected schema.table (letters, digits and '_'), found \"c\"",
            ),
            (
                "a b:\n  url: host=x\n",
                "services.yml:1:1: expected the name of a service (letters, digits, '.', '_' and '-'), found \"a b\"",
            ),
            (
                "a: {url: host=x, role: any}\na: {url: host=x, role: any}\n",
                "services.yml:2:1: service a is there twice",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
    }
}
