//! The server as a source of rows.

use std::sync::Arc;

use engine::{Connections, Health, Source, SourceError};

use crate::facts::Probe;
use crate::pool::Pool;
use crate::purpose::Purpose;
use crate::session::PgSession;

/// A PostgreSQL server.
pub(crate) struct PostgresSource {
    pool: Arc<Pool>,
    probe: Arc<Probe>,
}

impl PostgresSource {
    pub(crate) fn new(pool: Arc<Pool>, probe: Probe) -> Self {
        Self { pool, probe: Arc::new(probe) }
    }
}

impl Source for PostgresSource {
    type Session = PgSession;

    async fn open(&self, database: Option<&str>) -> Result<PgSession, SourceError> {
        let kept = self.pool.take(&Purpose::of(database)).await?;
        Ok(PgSession::new(self.pool.clone(), kept, self.probe.clone()))
    }

    async fn health(&self, with_lag: bool) -> Result<Health, SourceError> {
        let kept = self.pool.take(&Purpose::Health).await?;
        PgSession::new(self.pool.clone(), kept, self.probe.clone()).health(with_lag).await
    }

    fn max_parallel_databases(&self) -> usize {
        self.pool.max_parallel_databases()
    }

    fn connections(&self) -> Connections {
        self.pool.connections()
    }

    fn target(&self) -> String {
        self.pool.label()
    }
}
