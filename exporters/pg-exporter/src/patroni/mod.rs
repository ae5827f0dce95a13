//! Patroni's REST interface as a source of rows: what its own metrics lack.
//!
//! ```text
//! URL ─► address ─► client ─► reading, at its own pace ─► document ─► filters of collectors with the key `rest`
//! ```
//!
//! A scrape runs filters on the last document and asks Patroni for nothing.

mod address;
mod client;
mod document;
mod reading;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{Detail, Fetched, Query, Reason, RowSink, SourceError};
use jq::Runner;
use parking_lot::Mutex;
use pgclient::Environment;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::address::{AddressError, RestAddress};
use self::client::RestClient;
pub(crate) use self::document::check;
use self::document::{LANGUAGE, document, summary};
use self::reading::{LastReading, READ_LIMIT, Reading, keep_reading};

/// The longest time that a scrape waits for the first read.
const FIRST_READ_LIMIT: Duration = Duration::from_secs(1);

/// The REST interface of a Patroni. Dropping it ends its reads.
pub(crate) struct Patroni {
    name: String,
    runner: Runner,
    readings: watch::Receiver<LastReading>,
    /// The longest time to wait for the first read.
    first_read_limit: Duration,
    task: Mutex<JoinSet<()>>,
}

/// Why `--patroni-url` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--patroni-url {0}")]
pub(crate) struct PatroniUrlError(#[from] AddressError);

impl Patroni {
    /// Begins to read the interface at `url`. A command waits for the first read: `wait_for_first`.
    ///
    /// # Errors
    /// If the URL is none. It is not quoted, since it may have a password.
    pub(crate) fn start(
        url: &str,
        ca_file: Option<PathBuf>,
        environment: Environment,
        wait_for_first: bool,
    ) -> Result<Self, PatroniUrlError> {
        let address = RestAddress::parse(url)?;
        let name = format!("patroni {address}");
        let client = RestClient { address, ca_file, environment };
        let (sender, readings) = watch::channel(None);
        let mut task = JoinSet::new();
        task.spawn(keep_reading(client, sender));
        // A read that takes its whole limit has an outcome.
        let first_read_limit = if wait_for_first { READ_LIMIT * 2 } else { FIRST_READ_LIMIT };
        Ok(Self { name, runner: Runner::new(&LANGUAGE), readings, first_read_limit, task: Mutex::new(task) })
    }

    /// Runs the query of a collector on what these endpoints answered last.
    pub(crate) async fn rows(
        &self,
        query: &Query,
        endpoints: &[Arc<str>],
        sink: &mut dyn RowSink,
    ) -> Result<Fetched, SourceError> {
        let mut readings = self.readings.clone();
        let first = timeout(self.first_read_limit, readings.wait_for(Option::is_some)).await;
        let Some(reading) = first.ok().and_then(Result::ok).and_then(|reading| reading.clone()) else {
            return Err(SourceError::new(Reason::Starting, format!("{}: not read yet", self.name)));
        };
        let document = document(&reading.answers, endpoints)?;
        let fetched = self.runner.run(query, || (document, Vec::new()), sink).await?;
        Ok(Fetched { age: reading.at.elapsed(), ..fetched })
    }

    /// The outcome of the last read, for a person.
    pub(crate) fn detail(&self) -> Detail {
        let reading = self.readings.borrow().clone();
        let (state, well) = reading.as_deref().map_or_else(|| ("not read yet".to_owned(), true), described);
        Detail { name: self.name.clone(), state, well, since: reading.map(|reading| reading.since) }
    }

    /// Ends all reads.
    pub(crate) fn close(&self) {
        self.task.lock().abort_all();
    }
}

/// A read for a person, and whether all of it succeeded.
fn described(reading: &Reading) -> (String, bool) {
    let [_, cluster, ..] = &reading.answers;
    let Some(error) = reading.errors().next() else {
        return (cluster.as_ref().map_or_else(ToString::to_string, summary), true);
    };
    let failed = match reading.errors().count() {
        failed if failed == reading.answers.len() => String::new(),
        failed => format!("{failed} of {} endpoints ", reading.answers.len()),
    };
    (format!("{failed}cannot be read ({}): {error}", error.reason), false)
}

#[cfg(test)]
mod tests;
