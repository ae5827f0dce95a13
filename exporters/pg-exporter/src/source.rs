//! The server as a source of rows.

use std::sync::Arc;

use engine::{Connections, Health, LogLocation, Source, SourceError};

use crate::instance::InstanceReader;
use crate::logs::{self, LogPaths};
use crate::pool::Pool;
use crate::pool::purpose::Purpose;
use crate::session::PgSession;

/// A PostgreSQL server.
pub(crate) struct PostgresSource {
    pool: Pool,
    reader: Arc<InstanceReader>,
    log_paths: LogPaths,
}

impl PostgresSource {
    pub(crate) fn new(pool: Pool, reader: InstanceReader, log_paths: LogPaths) -> Self {
        Self { pool, reader: Arc::new(reader), log_paths }
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
        self.session(&Purpose::of(database)).await
    }

    async fn open_for_sample(&self) -> Result<PgSession, SourceError> {
        self.session(&Purpose::Sample).await
    }

    async fn health(&self, with_lag: bool) -> Result<Health, SourceError> {
        self.session(&Purpose::Health).await?.health(with_lag).await
    }

    async fn logs(&self) -> Result<Vec<LogLocation>, SourceError> {
        let settings = self.session(&Purpose::of(None)).await?.log_settings().await?;
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
}
