//! Compiled filters, by their text.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use engine::{Reason, SourceError};
use jaq_json::Val;
use parking_lot::Mutex;

use crate::filter::{Filter, FilterError, FilterTable, Language};

/// Compiled filters, by their text.
pub(crate) struct FilterCache {
    language: &'static Language,
    compiled: Mutex<HashMap<Arc<str>, Arc<CompiledFilter>>>,
}

struct CompiledFilter {
    filter: Filter,
    running: AtomicBool,
}

/// A running filter. One that exceeds its time cannot be stopped between two of its outputs, so it is not started again
/// before it has ended: it uses one thread, however often it is scraped.
pub(crate) struct RunningFilter(Arc<CompiledFilter>);

impl FilterCache {
    pub(crate) fn new(language: &'static Language) -> Self {
        Self { language, compiled: Mutex::default() }
    }

    /// Starts a filter; `None` if it still runs.
    ///
    /// # Errors
    /// If the text does not compile.
    pub(crate) fn start(&self, text: &Arc<str>) -> Result<Option<RunningFilter>, SourceError> {
        Ok(RunningFilter::start(self.compiled(text)?))
    }

    fn compiled(&self, text: &Arc<str>) -> Result<Arc<CompiledFilter>, SourceError> {
        let mut compiled = self.compiled.lock();
        if let Some(known) = compiled.get(text) {
            return Ok(known.clone());
        }
        let filter = Filter::compile(text, self.language).map_err(|error| SourceError::new(Reason::Filter, error))?;
        let new = Arc::new(CompiledFilter { filter, running: AtomicBool::new(false) });
        compiled.insert(text.clone(), new.clone());
        Ok(new)
    }
}

impl RunningFilter {
    fn start(compiled: Arc<CompiledFilter>) -> Option<Self> {
        (!compiled.running.swap(true, Ordering::AcqRel)).then(|| Self(compiled))
    }

    /// Runs the filter on a document.
    pub(crate) fn table(&self, input: Val, variables: Vec<Val>, deadline: Instant) -> Result<FilterTable, FilterError> {
        self.0.filter.table(input, variables, deadline)
    }
}

impl Drop for RunningFilter {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}
