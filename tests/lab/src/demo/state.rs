//! What Prometheus knows of an exporter and its server.

use std::collections::BTreeMap;
use std::fmt;

use lab::Sample;

/// Absent values are `None`.
#[derive(Debug, Default, Clone)]
pub(super) struct State {
    pub up: Option<f64>,
    /// The name of pg_up, pgbouncer_up or pgbackrest_up, and its value.
    server_up: (String, Option<f64>),
    in_recovery: Option<f64>,
    series: Option<f64>,
    scrape_seconds: Option<f64>,
}

/// What states are made of.
pub(super) fn query() -> String {
    let names = "up|pg_up|pgbouncer_up|pgbackrest_up|pg_in_recovery|scrape_samples_scraped|scrape_duration_seconds";
    format!(r#"{{job=~"pg|pgbouncer|pgbackrest", __name__=~"{names}"}}"#)
}

impl State {
    /// The state of the target with that name, whose metrics begin with the namespace.
    pub(super) fn of(name: &str, namespace: &str, samples: &[Sample]) -> State {
        let label = |sample: &Sample, label: &str| sample.labels.get(label).cloned().unwrap_or_default();
        let own = samples.iter().filter(|sample| label(sample, "ins") == name);
        let values: BTreeMap<String, f64> = own.map(|sample| (label(sample, "__name__"), sample.value)).collect();
        let value = |name: &str| values.get(name).copied();
        let server_up = format!("{namespace}_up");
        State {
            up: value("up"),
            server_up: (server_up.clone(), value(&server_up)),
            in_recovery: value("pg_in_recovery"),
            series: value("scrape_samples_scraped"),
            scrape_seconds: value("scrape_duration_seconds"),
        }
    }

    /// What a new line is printed for, once there was a scrape: not for other counts and times.
    pub(super) fn health(&self) -> Option<(bool, bool, &'static str)> {
        self.up.map(|up| (up == 1.0, self.server_up.1 == Some(1.0), self.role()))
    }

    pub(super) fn is_well(&self) -> bool {
        self.up == Some(1.0) && self.server_up.1 == Some(1.0)
    }

    fn role(&self) -> &'static str {
        match self.in_recovery {
            Some(0.0) => "primary",
            Some(_) => "standby",
            None => "-",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let scrape = self.scrape_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:.0}ms", seconds * 1e3));
        let (name, server_up) = &self.server_up;
        let (up, server_up, series) = (shown(self.up), shown(*server_up), shown(self.series));
        write!(out, "{:<7}  up={up} {name}={server_up} series={series} scrape={scrape}", self.role())
    }
}
