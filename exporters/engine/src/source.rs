//! Where rows come from: the two traits that an exporter implements.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::error::SourceError;
use crate::facts::{Health, ServerFacts};
use crate::rows::Rows;

/// A server that rows come from.
pub trait Source: Send + Sync + 'static {
    /// One place on it that answers queries.
    type Session: Session;

    /// Opens a session with `database`, or with the main one when that is `None`.
    ///
    /// A session is for its holder alone until it is dropped; the source keeps its connections open between sessions
    /// and never has more of them than its budget, so this may wait for one to come free.
    fn open(&self, database: Option<&str>) -> impl Future<Output = Result<Self::Session, SourceError>> + Send;

    /// Asks for the server's role, and with `with_lag` for a standby's lag. Load balancers act on the answer, so a source
    /// asks nothing here that can wait for a lock.
    fn health(&self, with_lag: bool) -> impl Future<Output = Result<Health, SourceError>> + Send {
        // A source without locks answers with its facts, which have the lag anyway.
        let _ = with_lag;
        async {
            let facts = self.open(None).await?.facts(None).await?;
            match facts.fault {
                Some(fault) => Err(fault),
                None => Ok(Health { role: facts.role, lag_seconds: facts.lag_seconds }),
            }
        }
    }

    /// How many databases may be read at once beside the main one.
    fn max_parallel_databases(&self) -> usize;

    /// The connections as they are now.
    fn connections(&self) -> Connections;

    /// Which server this is, for pages, logs and, of several, the label `target`; never with a password.
    fn target(&self) -> String;

    /// Ends what the source does on its own, when the exporter stops.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// One place on a server that answers queries.
pub trait Session: Send + Sync + 'static {
    /// Probes the server now: version, role, database, extensions.
    ///
    /// `known` is what was found in this database before. A server that answers but cannot read a catalog now, as while
    /// that is locked, is up: what it cannot tell is taken from `known`, and [`ServerFacts::advice`] says so.
    ///
    /// # Errors
    /// When the server does not answer.
    fn facts(&self, known: Option<&ServerFacts>) -> impl Future<Output = Result<ServerFacts, SourceError>> + Send;

    /// Runs one query to its end or its timeout. Queries polled together go out together.
    fn fetch(&self, query: &Query) -> impl Future<Output = Result<Rows, SourceError>> + Send;
}

/// One question to a session, in the language of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The collector that asks.
    pub collector: Arc<str>,
    /// SQL, a SHOW command, or a jq filter.
    pub text: Arc<str>,
    /// The values that a lookup asks for: the query's one argument, a list of texts. `None` for any other query.
    pub values: Option<Vec<String>>,
    /// Schemas that names without one are looked up in, after the server's own; empty: in the server's own only.
    pub search_path: Arc<[String]>,
    /// How long it may run on the server.
    pub timeout: Duration,
}

/// How many connections a source holds and has opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connections {
    /// Open now.
    pub open: u64,
    /// The most that may be open.
    pub budget: u64,
    /// Opened since the start.
    pub opened: u64,
}
