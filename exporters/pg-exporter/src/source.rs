//! The server as a source of rows.

use std::sync::Arc;

use engine::{Connections, Health, Source, SourceError};

use crate::instance::InstanceReader;
use crate::pool::Pool;
use crate::pool::purpose::Purpose;
use crate::session::PgSession;

/// A PostgreSQL server.
pub(crate) struct PostgresSource {
    pool: Pool,
    reader: Arc<InstanceReader>,
}

impl PostgresSource {
    pub(crate) fn new(pool: Pool, reader: InstanceReader) -> Self {
        Self { pool, reader: Arc::new(reader) }
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

    async fn health(&self, with_lag: bool) -> Result<Health, SourceError> {
        self.session(&Purpose::Health).await?.health(with_lag).await
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
