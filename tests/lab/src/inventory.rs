//! What the cache can hold, and what each command needs of it.

use std::thread;

use crate::architecture::{Component, MAJOR};
use crate::cache::Cache;
use crate::error::LabError;
use crate::{BackrestRelease, BouncerRelease, Major};

/// One thing that the cache can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Postgres(Major),
    Extensions,
    PgBouncer(BouncerRelease),
    PgBackRest(BackrestRelease),
    Prometheus,
    Promtools,
    Component(Component),
    Patroni,
    VictoriaLogs,
    PostgresExporter,
    Helm,
    NewerPostgresExporter,
    S3,
}

/// The commands that [`Cache::fetch`] knows the needs of.
const COMMANDS: [&str; 5] = ["demo", "lab", "bench", "unit", "tests"];

impl Item {
    fn all() -> Vec<Item> {
        let majors = Major::ALL.into_iter().map(Item::Postgres);
        let poolers = BouncerRelease::ALL.into_iter().map(Item::PgBouncer);
        let backups = BackrestRelease::ALL.into_iter().map(Item::PgBackRest);
        let components = Component::ALL.into_iter().map(Item::Component);
        let single = [
            Item::Extensions,
            Item::Prometheus,
            Item::Promtools,
            Item::Patroni,
            Item::VictoriaLogs,
            Item::PostgresExporter,
            Item::Helm,
            Item::NewerPostgresExporter,
            Item::S3,
        ];
        majors.chain(poolers).chain(backups).chain(components).chain(single).collect()
    }

    fn name(self) -> String {
        match self {
            Item::Postgres(major) => format!("postgresql-{major}"),
            Item::Extensions => "extensions".to_owned(),
            Item::PgBouncer(release) => format!("pgbouncer-{release}"),
            Item::PgBackRest(release) => format!("pgbackrest-{release}"),
            Item::Prometheus => "prometheus".to_owned(),
            Item::Promtools => "promtool".to_owned(),
            Item::Component(component) => component.package().to_owned(),
            Item::Patroni => "patroni".to_owned(),
            Item::VictoriaLogs => "victoria-logs".to_owned(),
            Item::PostgresExporter => "postgres-exporter".to_owned(),
            Item::Helm => "helm".to_owned(),
            Item::NewerPostgresExporter => "postgres-exporter-trixie".to_owned(),
            Item::S3 => "s3".to_owned(),
        }
    }

    /// Whether a command of [`COMMANDS`] uses it.
    fn is_for(self, command: &str) -> bool {
        match command {
            "demo" => matches!(
                self,
                Item::Postgres(Major::NEWEST)
                    | Item::PgBouncer(BouncerRelease::NEWEST)
                    | Item::PgBackRest(BackrestRelease::V2_55)
                    | Item::Prometheus
            ),
            "lab" => match self {
                Item::Postgres(major) => major == MAJOR || major == Major::NEWEST,
                Item::Component(component) => !matches!(component, Component::VipManager | Component::Dnsmasq),
                Item::Patroni | Item::VictoriaLogs => true,
                other => other.is_for("demo"),
            },
            "unit" => match self {
                Item::Promtools | Item::Helm => true,
                Item::Component(component) => matches!(component, Component::Alertmanager | Component::Victoria),
                _ => false,
            },
            "bench" => matches!(self, Item::Postgres(Major::NEWEST) | Item::PostgresExporter),
            _ => self != Item::PostgresExporter,
        }
    }

    /// Downloads and prepares it, unless it is there.
    fn fetch(self, cache: &Cache) -> Result<(), LabError> {
        match self {
            Item::Postgres(major) => cache.template(major).map(drop),
            Item::Extensions => cache.installation_with_extensions().map(drop),
            Item::PgBouncer(release) => cache.pgbouncer(release).map(drop),
            Item::PgBackRest(release) => cache.pgbackrest(release).map(drop),
            Item::Prometheus => cache.prometheus().map(drop),
            Item::Promtools => cache.promtools().map(drop),
            Item::Component(component) => cache.component(component).map(drop),
            Item::Patroni => cache.patroni().map(drop),
            Item::VictoriaLogs => cache.victorialogs().map(drop),
            Item::PostgresExporter => cache.postgres_exporter().map(drop),
            Item::Helm => cache.helm().map(drop),
            Item::NewerPostgresExporter => cache.newer_postgres_exporter().map(drop),
            Item::S3 => cache.s3().map(drop),
        }
    }
}

/// The items that a word stands for: a command, `all`, or the name of one.
fn items(word: &str) -> Result<Vec<Item>, LabError> {
    let is_meant = |item: &Item| word == "all" || item.name() == word || COMMANDS.contains(&word) && item.is_for(word);
    let items: Vec<Item> = Item::all().into_iter().filter(is_meant).collect();
    if !items.is_empty() {
        return Ok(items);
    }
    let names: Vec<String> = Item::all().into_iter().map(Item::name).collect();
    Err(LabError::Unexpected(format!(
        "nothing to fetch is called {word}: expected all, what a command needs ({}), or one of {}",
        COMMANDS.join(", "),
        names.join(", ")
    )))
}

impl Cache {
    /// Downloads and prepares what the words stand for, all at once, with a line on standard error for each item: `all`,
    /// a command (`demo`, `lab`, `bench`, `unit`, `tests`), or the name of an item, as `pgbouncer-1.26`.
    pub fn fetch(&self, words: &[String]) -> Result<(), LabError> {
        let mut wanted: Vec<Item> = Vec::new();
        for word in words {
            wanted.extend(items(word)?.into_iter().filter(|item| !wanted.contains(item)).collect::<Vec<_>>());
        }
        thread::scope(|scope| {
            let threads: Vec<_> = wanted.into_iter().map(|item| scope.spawn(move || item.fetch(self))).collect();
            for thread in threads {
                thread.join().map_err(|_| LabError::Unexpected("a downloading thread panicked".into()))??;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(word: &str) -> Vec<String> {
        items(word).unwrap().into_iter().map(Item::name).collect()
    }

    #[test]
    fn the_demo_needs_four_servers() {
        let newest = [format!("postgresql-{}", Major::NEWEST), format!("pgbouncer-{}", BouncerRelease::NEWEST)];
        assert_eq!(names("demo"), [&newest[..], &["pgbackrest-2.55".to_owned(), "prometheus".to_owned()]].concat());
    }

    #[test]
    fn every_name_is_a_single_item() {
        for item in Item::all() {
            assert_eq!(items(&item.name()).unwrap(), [item]);
        }
    }

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        let error = items("oracle").unwrap_err().to_string();
        assert!(error.contains("called oracle") && error.contains("demo") && error.contains("patroni"), "{error}");
    }
}
