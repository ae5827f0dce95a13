//! Where rows come from: the two traits that an exporter implements.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use reason::Reason;

use crate::error::SourceError;
use crate::facts::{Detail, Health, LogLocation, ServerProbe};
use crate::rows::{Fetched, RowSink};

/// A server that rows come from.
pub trait Source: Send + Sync + 'static {
    /// A session with one database of it.
    type Session: Session;

    /// Opens a session with `database`, or with the main database if that is `None`.
    ///
    /// A session is exclusive until it is dropped; the source keeps its connections open between sessions and never has
    /// more of them than its budget, so this may wait for a free one.
    fn open(&self, database: Option<&str>) -> impl Future<Output = Result<Self::Session, SourceError>> + Send;

    /// Opens a session with the main database for a sample. It uses the connection of [`Source::open`] and waits while
    /// that is used, rather than opening another one.
    fn open_for_sample(&self) -> impl Future<Output = Result<Self::Session, SourceError>> + Send {
        self.open(None)
    }

    /// Queries the server's role, and with `with_lag` a standby's lag. Load balancers act on the result, so a source runs
    /// nothing here that can wait for a lock.
    fn health(&self, with_lag: bool) -> impl Future<Output = Result<Health, SourceError>> + Send {
        // A source without locks returns its probe, which includes the lag.
        let _ = with_lag;
        async {
            let probe = self.open(None).await?.probe(None).await?;
            match probe.fault {
                Some(fault) => Err(fault),
                None => Ok(probe.health()),
            }
        }
    }

    /// How many databases may be read in parallel, in addition to the main one.
    fn max_parallel_databases(&self) -> usize;

    /// The connections as they are now.
    fn connections(&self) -> Connections;

    /// The name of the server in pages, logs and, with several servers, the label `target`; without a password.
    fn target(&self) -> String;

    /// Where the logs of the server are, if they can be read on this host. Queried at start and once a minute.
    ///
    /// # Errors
    /// When the server does not answer.
    fn logs(&self) -> impl Future<Output = Result<Vec<LogLocation>, SourceError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Writes the rows of collectors with the key `access`, which the source has without a session: also while the server is
    /// down. It answers at once.
    fn own_rows(&self, _table: &str, _sink: &mut dyn RowSink) {}

    /// Whether it reads the REST interface of a program: then collectors with the key `rest` run.
    fn has_rest(&self) -> bool {
        false
    }

    /// Runs the query of a collector with the key `rest` on what these endpoints of that interface said last, without a
    /// session: also while the server is down. It asks the interface for nothing, so it ends soon.
    ///
    /// # Errors
    /// When the last read of one of the endpoints failed, or the query fails.
    fn rest_rows(
        &self,
        query: &Query,
        _endpoints: &[Arc<str>],
        _sink: &mut dyn RowSink,
    ) -> impl Future<Output = Result<Fetched, SourceError>> + Send {
        let message = format!("{}: no REST interface is read", query.collector);
        async move { Err(SourceError::new(Reason::Missing, message)) }
    }

    /// What the source watches beside the server, for the status page and `explain`.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }

    /// Reads its own files again, at a reload of the collector files.
    ///
    /// # Errors
    /// What is wrong with them; then the previous content stays in effect.
    fn reload(&self) -> Result<(), String> {
        Ok(())
    }

    /// Stops the background work of the source, when the exporter stops.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A session with one database of a server.
pub trait Session: Send + Sync + 'static {
    /// Probes the server now: version, role, database, extensions.
    ///
    /// `known` is the result of the previous probe of this database. A server that answers but cannot read a catalog,
    /// for example while it is locked, is up: the missing facts are taken from `known`, and the advice says so.
    ///
    /// # Errors
    /// When the server does not answer.
    fn probe(&self, known: Option<&ServerProbe>) -> impl Future<Output = Result<ServerProbe, SourceError>> + Send;

    /// Runs one query to its end or its timeout and hands its rows to `sink` as they arrive. Queries polled together go
    /// out together.
    ///
    /// # Errors
    /// When the result is not whole, whatever the sink has got of it.
    fn fetch(&self, query: &Query, sink: &mut dyn RowSink)
    -> impl Future<Output = Result<Fetched, SourceError>> + Send;
}

/// One query, in the language of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The collector that it belongs to.
    pub collector: Arc<str>,
    /// SQL, a SHOW command, or a jq filter.
    pub text: Arc<str>,
    /// The values of a lookup: the query's only argument, a list of texts. `None` for any other query.
    pub values: Option<Vec<String>>,
    /// Schemas to append to the server's search_path; empty: the server's search_path as it is.
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
    /// When the certificate expires that the server presented to the last one, in Unix seconds; `None` without TLS.
    pub certificate_expiry: Option<f64>,
}
