//! The services file: a map from the name of a service to its settings.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{Position, YamlKind, YamlNode, parse_yaml};
use pgclient::{Environment, Target};

use super::service::{PromisedRole, Service};

const KEYS: [&str; 6] = ["url", "role", "system_identifier", "interval", "timeout", "max_lag"];
const DEFAULT_INTERVAL: f64 = 15.0;
const DEFAULT_TIMEOUT: f64 = 5.0;
/// The most services: each one is a task, a connection and some forty series.
const MOST_SERVICES: usize = 50;
const LONGEST_NAME: usize = 63;

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

/// What is wrong with a file, with positions.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    found: Vec<(Position, String)>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (position, message)) in self.found.iter().enumerate() {
            let separator = if at > 0 { "\n" } else { "" };
            write!(f, "{separator}{}:{}:{}: {message}", self.file, position.line, position.column)?;
        }
        Ok(())
    }
}

impl Problems {
    fn add(&mut self, position: Position, message: impl Into<String>) {
        self.found.push((position, message.into()));
    }
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
    let mut problems = Problems { file: file.to_owned(), found: Vec::new() };
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
    if problems.found.is_empty() { Ok(services) } else { Err(problems) }
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
    let mut services: Vec<Service> = Vec::new();
    for (key, body) in entries {
        let Some(name) = key.scalar().filter(|name| is_name(name)) else {
            let found = key.describe();
            problems.add(
                key.position,
                format!("expected the name of a service (letters, digits, '.', '_' and '-'), found {found}"),
            );
            continue;
        };
        if services.iter().any(|service| service.name == name) {
            problems.add(key.position, format!("service {name} is there twice"));
        }
        if services.len() == MOST_SERVICES {
            problems.add(key.position, format!("expected at most {MOST_SERVICES} services"));
            break;
        }
        services
            .extend(Settings::read(name, key.position, body, problems).and_then(|mut settings| settings.service(env)));
    }
    services
}

fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_allowed)
}

/// The settings of one service while they are read.
struct Settings<'a> {
    name: &'a str,
    position: Position,
    entries: Vec<(&'static str, &'a YamlNode)>,
    problems: &'a mut Problems,
}

impl<'a> Settings<'a> {
    fn read(name: &'a str, position: Position, body: &'a YamlNode, problems: &'a mut Problems) -> Option<Self> {
        let YamlKind::Map(all) = &body.kind else {
            problems.add(body.position, format!("service {name}: expected a map, found {}", body.describe()));
            return None;
        };
        let mut entries: Vec<(&'static str, &YamlNode)> = Vec::new();
        for (key, value) in all {
            let given = key.scalar().unwrap_or_default();
            match KEYS.into_iter().find(|known| *known == given) {
                None => {
                    let (found, known) = (key.describe(), KEYS.join(", "));
                    problems.add(key.position, format!("service {name}: unknown key {found}: expected one of {known}"));
                }
                Some(known) if entries.iter().any(|(other, _)| *other == known) => {
                    problems.add(key.position, format!("service {name}: key {known} is there twice"));
                }
                Some(known) => entries.push((known, value)),
            }
        }
        Some(Self { name, position, entries, problems })
    }

    fn service(&mut self, env: &Environment) -> Option<Service> {
        let url = self.url();
        let role = self.role();
        let system_identifier = self.system_identifier();
        let interval = self.seconds("interval", 1.0..=3600.0).unwrap_or(Duration::from_secs_f64(DEFAULT_INTERVAL));
        let timeout = self.seconds("timeout", 0.1..=60.0).unwrap_or(Duration::from_secs_f64(DEFAULT_TIMEOUT));
        let max_lag = self.seconds("max_lag", 0.0..=86_400.0);
        if max_lag.is_some() && role == Some(PromisedRole::Primary) {
            let at = self.get("max_lag").map_or(self.position, |node| node.position);
            self.wrong(at, "max_lag: expected none with role primary, which has no lag");
        }
        let (at, url) = url?;
        let target = match Target::parse(&url, env) {
            Ok(target) => target.with_application_name_default("pg-exporter"),
            Err(error) => {
                self.wrong(at, &format!("url: {error}"));
                return None;
            }
        };
        let fingerprint =
            fingerprint(&(&url, role.map(PromisedRole::word), &system_identifier, interval, timeout, max_lag));
        let name = self.name.to_owned();
        Some(Service { name, target, role: role?, system_identifier, interval, timeout, max_lag, fingerprint })
    }

    fn get(&self, key: &str) -> Option<&'a YamlNode> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, node)| *node)
    }

    fn wrong(&mut self, at: Position, message: &str) {
        self.problems.add(at, format!("service {}: {message}", self.name));
    }

    fn url(&mut self) -> Option<(Position, String)> {
        let Some(node) = self.get("url") else {
            self.wrong(self.position, "url is missing: expected where clients connect");
            return None;
        };
        match node.scalar() {
            Some(text) => Some((node.position, text.to_owned())),
            // A list or a map may hold a password: it is not shown.
            None => {
                self.wrong(node.position, "url: expected a URL, or libpq key=value pairs");
                None
            }
        }
    }

    fn role(&mut self) -> Option<PromisedRole> {
        let Some(node) = self.get("role") else {
            self.wrong(self.position, "role is missing: expected primary, standby or any");
            return None;
        };
        let role = PromisedRole::ALL.into_iter().find(|role| Some(role.word()) == node.scalar());
        if role.is_none() {
            let found = node.describe();
            self.wrong(node.position, &format!("role: expected primary, standby or any, found {found}"));
        }
        role
    }

    fn system_identifier(&mut self) -> Option<String> {
        let node = self.get("system_identifier")?;
        let text = node.scalar().filter(|text| text.parse::<u64>().is_ok());
        if text.is_none() {
            let found = node.describe();
            self.wrong(
                node.position,
                &format!("system_identifier: expected a number, as pg_control_system() shows it, found {found}"),
            );
        }
        text.map(str::to_owned)
    }

    fn seconds(&mut self, key: &str, range: std::ops::RangeInclusive<f64>) -> Option<Duration> {
        let node = self.get(key)?;
        let seconds = node.scalar().and_then(|text| text.parse::<f64>().ok()).filter(|seconds| range.contains(seconds));
        if seconds.is_none() {
            let (found, least, most) = (node.describe(), range.start(), range.end());
            self.wrong(node.position, &format!("{key}: expected seconds from {least} to {most}, found {found}"));
        }
        seconds.map(Duration::from_secs_f64)
    }
}

fn fingerprint(settings: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    settings.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
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
                "services.yml:4:3: service a: unknown key \"rol\": expected one of url, role, system_identifier, interval, timeout, max_lag",
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
