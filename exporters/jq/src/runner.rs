//! Runs the queries of collectors.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Instant;

use engine::{Fetched, Query, Reason, RowSink, SourceError};
use jaq_json::Val;
use tokio::sync::Semaphore;

use crate::filter::{FilterError, Language};
use crate::filter_cache::FilterCache;

/// Runs the queries of collectors on documents, on blocking threads. Clones share compiled filters and processors.
#[derive(Clone)]
pub struct Runner {
    filters: Arc<FilterCache>,
    /// As many filters run at a time: a filter's limit is for its own work, and not for its wait behind others.
    processors: Arc<Semaphore>,
}

impl Runner {
    /// A runner of filters in this language.
    pub fn new(language: &'static Language) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { filters: Arc::new(FilterCache::new(language)), processors: Arc::new(Semaphore::new(processors)) }
    }

    /// Runs the query of a collector and hands its rows to `sink`. `input` gives the document and the variables when it is the
    /// filter's turn.
    ///
    /// # Errors
    /// When the filter does not compile, fails, or takes longer than the collector's timeout.
    pub async fn run(
        &self,
        query: &Query,
        input: impl FnOnce() -> (Val, Vec<Val>) + Send,
        sink: &mut dyn RowSink,
    ) -> Result<Fetched, SourceError> {
        // Nobody closes it.
        let _processor = self.processors.acquire().await;
        let deadline = Instant::now() + query.timeout;
        let failure = |reason, message: String| SourceError::new(reason, format!("{}: {message}", query.collector));
        let limit = format!("its limit of {} s (timeout of the collector)", query.timeout.as_secs_f64());
        let late = || failure(Reason::Timeout, format!("the filter took longer than {limit}"));
        let Some(filter) = self.filters.start(&query.text)? else {
            let message = format!("the filter still runs: at an earlier scrape it took longer than {limit}");
            return Err(failure(Reason::Timeout, message));
        };
        let (input, variables) = input();
        let run = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let table = filter.table(input, variables, deadline);
            (table, begun.elapsed())
        });
        let (table, took) = match tokio::time::timeout_at(deadline.into(), run).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => return Err(failure(Reason::Filter, format!("the filter panicked: {panic}"))),
            Err(_) => return Err(late()),
        };
        match table {
            Ok(table) => {
                tracing::debug!(collector = %query.collector, steps = table.steps, "a filter ended");
                sink.table(&table.columns, &table.cells);
                if let Some(error) = &table.error {
                    sink.unreadable(table.failed, error);
                }
                Ok(Fetched { took, ..Fetched::default() })
            }
            Err(FilterError::Late) => Err(late()),
            Err(error @ FilterError::Shape { .. }) => Err(failure(Reason::Shape, error.to_string())),
            Err(error) => Err(failure(Reason::Filter, error.to_string())),
        }
    }
}
