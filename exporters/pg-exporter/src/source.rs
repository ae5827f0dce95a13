//! The server as a source of rows.

use std::sync::Arc;

use engine::{Connections, Detail, Fetched, Health, LogLocation, Query, Reason, RowSink, Source, SourceError};

use crate::instance::InstanceReader;
use crate::logs::{self, LogPaths};
use crate::patroni::Patroni;
use crate::pool::Pool;
use crate::pool::purpose::Purpose;
use crate::services::Services;
use crate::session::PgSession;

/// A PostgreSQL server.
pub(crate) struct PostgresSource {
    pool: Pool,
    reader: Arc<InstanceReader>,
    log_paths: LogPaths,
    beside: Beside,
}

/// What is watched beside the server, without its connections.
pub(crate) struct Beside {
    pub services: Services,
    /// Whether the first collection waits for the first probes of the services.
    pub wait_for_services: bool,
    pub patroni: Option<Patroni>,
}

impl PostgresSource {
    pub(crate) fn new(pool: Pool, reader: InstanceReader, log_paths: LogPaths, beside: Beside) -> Self {
        Self { pool, reader: Arc::new(reader), log_paths, beside }
    }

    async fn session(&self, purpose: &Purpose) -> Result<PgSession, SourceError> {
        let lease = self.pool.take(purpose).await?;
        let session = PgSession::new(self.pool.clone(), lease, self.reader.clone());
        session.switch_off_missing().await?;
        Ok(session)
    }
}

impl Source for PostgresSource {
    type Session = PgSession;

    async fn open(&self, database: Option<&str>) -> Result<PgSession, SourceError> {
        if self.beside.wait_for_services {
            self.beside.services.first_probes().await;
        }
        self.session(&Purpose::of(database)).await
    }

    async fn open_for_sample(&self) -> Result<PgSession, SourceError> {
        self.session(&Purpose::Sample).await
    }

    async fn health(&self, with_lag: bool) -> Result<Health, SourceError> {
        self.session(&Purpose::Health).await?.health(with_lag).await
    }

    async fn logs(&self) -> Result<Vec<LogLocation>, SourceError> {
        // As a sample, between scrapes: a connection of its own would be one more session of the server.
        let settings = self.session(&Purpose::Sample).await?.log_settings().await?;
        Ok(logs::locate(&settings, &self.log_paths))
    }

    fn max_parallel_databases(&self) -> usize {
        self.pool.max_parallel_databases()
    }

    fn connections(&self) -> Connections {
        self.pool.connections()
    }

    fn target(&self) -> String {
        self.pool.connector().label()
    }

    fn own_rows(&self, table: &str, sink: &mut dyn RowSink) {
        self.beside.services.rows(table, sink);
    }

    fn has_rest(&self) -> bool {
        self.beside.patroni.is_some()
    }

    async fn rest_rows(
        &self,
        query: &Query,
        endpoints: &[Arc<str>],
        sink: &mut dyn RowSink,
    ) -> Result<Fetched, SourceError> {
        match &self.beside.patroni {
            Some(patroni) => patroni.rows(query, endpoints, sink).await,
            None => Err(SourceError::new(Reason::Missing, format!("{}: --patroni-url is not set", query.collector))),
        }
    }

    fn details(&self) -> Vec<Detail> {
        let patroni = self.beside.patroni.as_ref().map(Patroni::detail);
        self.beside.services.details().into_iter().chain(patroni).collect()
    }

    fn reload(&self) -> Result<(), String> {
        self.beside.services.reload().map_err(|error| error.to_string())
    }

    async fn close(&self) {
        self.beside.services.close();
        self.beside.patroni.iter().for_each(Patroni::close);
    }
}
