//! The server as a source of rows.

use std::sync::Arc;

use engine::{Connections, Source, SourceError};

use crate::databases::Discovery;
use crate::pool::Pool;
use crate::session::PgSession;

/// A PostgreSQL server.
pub(crate) struct PostgresSource {
    pool: Arc<Pool>,
    discovery: Arc<Discovery>,
}

impl PostgresSource {
    pub(crate) fn new(pool: Arc<Pool>, discovery: Discovery) -> Self {
        Self { pool, discovery: Arc::new(discovery) }
    }
}

impl Source for PostgresSource {
    type Session = PgSession;

    async fn open(&self, database: Option<&str>) -> Result<PgSession, SourceError> {
        let kept = self.pool.take(database).await?;
        Ok(PgSession::new(self.pool.clone(), kept, self.discovery.clone()))
    }

    fn lanes(&self) -> usize {
        self.pool.lanes()
    }

    fn connections(&self) -> Connections {
        self.pool.connections()
    }

    fn target(&self) -> String {
        self.pool.label()
    }
}
