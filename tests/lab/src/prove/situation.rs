//! What a situation is, and what is seen of it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::{Architecture, Exporter, LabError, Postgres, Process, Target};

/// What is there at a site that is well, or where one thing is wrong.
#[derive(Debug)]
pub struct Situation {
    /// What it is, for the table.
    pub what: &'static str,
    /// The alerts that have to arrive. No other may.
    pub alerts: &'static [&'static str],
    /// The instance or `application_name` of the server that it adds to the cluster, if any. When the situation is over,
    /// alerts about it are right.
    pub server: Option<&'static str>,
    /// PromQL with a result while the situation is on the pages.
    pub seen: &'static str,
    /// Brings it about with the exporters of a folder.
    pub begin: fn(&mut Architecture, &Path) -> Result<Props, LabError>,
    /// Ends what does not end with the props, after them.
    pub end: fn(&mut Architecture) -> Result<(), LabError>,
}

/// What runs only while a situation lasts. Fields are dropped in this order.
#[derive(Debug, Default)]
pub struct Props {
    /// Scraped beside all others.
    pub exporters: Vec<(Exporter, Target)>,
    /// Standbys and clients.
    pub processes: Vec<Process>,
    /// Servers of other clusters.
    pub servers: Vec<Postgres>,
}

/// What arrived in a situation.
#[derive(Debug)]
pub struct Observed {
    /// The situation.
    pub situation: &'static Situation,
    /// The names of all alerts that arrived, or why it could not be observed.
    pub arrived: Result<BTreeSet<String>, LabError>,
}

impl Observed {
    /// Whether exactly the alerts arrived that have to.
    pub fn is_right(&self) -> bool {
        let expected: BTreeSet<&str> = self.situation.alerts.iter().copied().collect();
        self.arrived.as_ref().is_ok_and(|arrived| arrived.iter().map(String::as_str).eq(expected.iter().copied()))
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let verdict = if self.is_right() { "as expected" } else { "WRONG" };
        match &self.arrived {
            Ok(arrived) => write!(out, "{}: {verdict}, arrived: {}", self.situation.what, names(arrived)),
            Err(error) => write!(out, "{}: NOT OBSERVED: {error}", self.situation.what),
        }
    }
}

/// Names of alerts in a row.
pub(super) fn names(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
