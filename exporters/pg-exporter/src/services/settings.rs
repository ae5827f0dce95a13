//! The settings of one service in the services file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use engine::{Position, YamlKind, YamlNode};
use pgclient::{Environment, Target};

use super::problems::Problems;
use super::service::{Canary, PromisedRole, Service};
use super::table_name::TableName;

const KEYS: [&str; 8] = ["url", "role", "system_identifier", "interval", "timeout", "max_lag", "canary", "canary_of"];
const DEFAULT_INTERVAL: f64 = 15.0;
const DEFAULT_TIMEOUT: f64 = 5.0;
const LONGEST_NAME: usize = 63;

/// A service as it is described; its canary may be that of another one.
pub(super) struct Described {
    pub name: String,
    /// `None` if a setting is wrong.
    pub service: Option<Service>,
    /// The service whose canary it reads, and where the file says so.
    pub canary_of: Option<(Position, String)>,
}

/// The settings of one service while they are read.
pub(super) struct Settings<'a> {
    name: &'a str,
    position: Position,
    entries: Vec<(&'static str, &'a YamlNode)>,
    problems: &'a mut Problems,
}

impl<'a> Settings<'a> {
    pub(super) fn read(
        name: &'a str,
        position: Position,
        body: &'a YamlNode,
        problems: &'a mut Problems,
    ) -> Option<Self> {
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

    pub(super) fn describe(&mut self, env: &Environment) -> Described {
        let canary_of = self.canary_of();
        Described { name: self.name.to_owned(), service: self.service(env), canary_of }
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
        let canary = self.canary(role);
        let (at, url) = url?;
        let target = match Target::parse(&url, env) {
            Ok(target) => target.with_application_name_default("pg-exporter"),
            Err(error) => {
                self.wrong(at, &format!("url: {error}"));
                return None;
            }
        };
        let described = (&url, role.map(PromisedRole::word), &system_identifier, interval, timeout, max_lag, &canary);
        let fingerprint = fingerprint(&described);
        let (name, role) = (self.name.to_owned(), role?);
        // As it should be, or not at all.
        let canary = canary.transpose().ok()?;
        Some(Service { name, target, role, system_identifier, interval, timeout, max_lag, canary, fingerprint })
    }

    /// The table that is written; `Err` if it is wrong.
    fn canary(&mut self, role: Option<PromisedRole>) -> Option<Result<Canary, ()>> {
        let node = self.get("canary")?;
        if role.is_some_and(|role| role != PromisedRole::Primary) {
            self.wrong(node.position, "canary: expected role primary, the canary is written");
            return Some(Err(()));
        }
        let table = node.scalar().and_then(TableName::parse);
        if table.is_none() {
            let found = node.describe();
            let message = format!("canary: expected schema.table (letters, digits and '_'), found {found}");
            self.wrong(node.position, &message);
        }
        Some(table.map(Canary::Writes).ok_or(()))
    }

    /// The service whose canary is read, and where it is named.
    fn canary_of(&mut self) -> Option<(Position, String)> {
        let node = self.get("canary_of")?;
        if self.get("canary").is_some() {
            self.wrong(node.position, "canary_of: expected none with canary");
            return None;
        }
        let name = node.scalar().filter(|name| is_name(name));
        if name.is_none() {
            let found = node.describe();
            self.wrong(node.position, &format!("canary_of: expected the name of a service, found {found}"));
        }
        name.map(|name| (node.position, name.to_owned()))
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

/// A number that tells settings from others.
pub(super) fn fingerprint(settings: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    settings.hash(&mut hasher);
    hasher.finish()
}

/// Whether it may be the name of a service. No character of it has to be escaped in SQL.
pub(super) fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_allowed)
}
