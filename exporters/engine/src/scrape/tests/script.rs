//! A source that does what a test says, and writes down what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reason::Reason;
use tokio::sync::Semaphore;

use crate::error::SourceError;
use crate::facts::{Health, OtherDatabase, Role, ServerFacts, ServerProbe, Version};
use crate::rows::{Fetched, RowSink, Value};
use crate::source::{Connections, Query, Session, Source};

/// What becomes of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub after: Duration,
    pub error: Option<Reason>,
}

/// At once, and well.
pub(super) const NOW: Answer = Answer { after: Duration::ZERO, error: None };

/// Well, after so many milliseconds.
pub(super) fn after(milliseconds: u64) -> Answer {
    Answer { after: Duration::from_millis(milliseconds), error: None }
}

/// At once, and not well.
pub(super) fn fail(reason: Reason) -> Answer {
    Answer { after: Duration::ZERO, error: Some(reason) }
}

/// What the server does. Questions are `open DATABASE`, `probe DATABASE`, `health` and the texts of queries, in a database
/// beside the main one followed by ` @DATABASE`.
pub(super) struct Script {
    /// Connections that may be open at once.
    pub budget: Arc<Semaphore>,
    pub found: Mutex<ServerProbe>,
    answers: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    asked: Mutex<Vec<String>>,
    running: AtomicUsize,
}

impl Default for Script {
    fn default() -> Self {
        let facts = ServerFacts { version: Version(170_004), database: "main".into(), ..ServerFacts::default() };
        Self {
            budget: Arc::new(Semaphore::new(3)),
            found: Mutex::new(ServerProbe { facts, ..ServerProbe::default() }),
            answers: Mutex::default(),
            asked: Mutex::default(),
            running: AtomicUsize::new(0),
        }
    }
}

impl Script {
    /// The answers to a question, one after another; the last one holds from then on.
    pub fn on(&self, question: &str, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().insert(question.to_owned(), answers.into_iter().collect());
    }

    /// Changes what a probe finds.
    pub fn change(&self, change: impl FnOnce(&mut ServerProbe)) {
        change(&mut self.found.lock());
    }

    /// Further databases.
    pub fn databases(&self, names: &[&str]) {
        let other = |name: &&str| OtherDatabase { name: (*name).to_owned(), changes: None };
        self.change(|found| found.databases = names.iter().map(other).collect());
    }

    /// How often something has happened in each of these further databases.
    pub fn databases_with_changes(&self, databases: &[(&str, u64)]) {
        let other = |(name, changes): &(&str, u64)| OtherDatabase { name: (*name).to_owned(), changes: Some(*changes) };
        self.change(|found| found.databases = databases.iter().map(other).collect());
    }

    /// Connections that may be open at once.
    pub fn limit_connections(&self, budget: usize) {
        self.budget.forget_permits(self.budget.available_permits());
        self.budget.add_permits(budget);
    }

    /// What was asked since the last call.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock())
    }

    /// How often a question was asked since the last call of `take_asked`.
    pub fn count(&self, question: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == question).count()
    }

    /// Questions that wait for their answer.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Gives how long the answer took.
    async fn answer(&self, question: String) -> Result<Duration, SourceError> {
        let answer = match self.answers.lock().get_mut(&question) {
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().copied(),
            None => None,
        };
        self.asked.lock().push(question.clone());
        let Answer { after, error } = answer.unwrap_or(NOW);
        self.running.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(after).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        error.map_or(Ok(after), |reason| Err(SourceError::new(reason, format!("{question}: by script"))))
    }
}

/// The server as a source.
pub(super) struct ScriptedSource(pub Arc<Script>);

/// A session with one database of it.
pub(super) struct ScriptedSession {
    script: Arc<Script>,
    /// `None`: the main one.
    database: Option<String>,
    /// Its place in the budget.
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Source for ScriptedSource {
    type Session = ScriptedSession;

    async fn open(&self, database: Option<&str>) -> Result<ScriptedSession, SourceError> {
        let budget = self.0.budget.clone();
        let permit = budget.acquire_owned().await.unwrap();
        self.0.answer(format!("open {}", database.unwrap_or("main"))).await?;
        Ok(ScriptedSession { script: self.0.clone(), database: database.map(str::to_owned), _permit: permit })
    }

    async fn health(&self, _: bool) -> Result<Health, SourceError> {
        self.0.answer("health".to_owned()).await?;
        Ok(Health { role: self.0.found.lock().facts.role, lag_seconds: None })
    }

    fn max_parallel_databases(&self) -> usize {
        2
    }

    fn connections(&self) -> Connections {
        Connections::default()
    }

    fn target(&self) -> String {
        "script".to_owned()
    }

    fn has_rest(&self) -> bool {
        true
    }

    /// One row that was read three seconds ago. The question is `rest` and the query.
    async fn rest_rows(&self, query: &Query, _: &[Arc<str>], sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        let took = self.0.answer(format!("rest {}", query.text)).await?;
        sink.table(&["n".to_owned()], &[Value::Int(5)]);
        Ok(Fetched { took, age: Duration::from_secs(3), ..Fetched::default() })
    }

    fn own_rows(&self, table: &str, sink: &mut dyn RowSink) {
        sink.table(&["name".to_owned(), "n".to_owned()], &[Value::Text(table.into()), Value::Int(7)]);
    }
}

impl Session for ScriptedSession {
    async fn probe(&self, _: Option<&ServerProbe>) -> Result<ServerProbe, SourceError> {
        let database = self.database.as_deref().unwrap_or("main");
        self.script.answer(format!("probe {database}")).await?;
        let mut found = self.script.found.lock().clone();
        found.facts.database = database.to_owned();
        Ok(found)
    }

    /// One row with the role as a number: 0 for a primary. A query that fails does so after its row.
    async fn fetch(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        let place = self.database.as_ref().map(|name| format!(" @{name}")).unwrap_or_default();
        let answered = self.script.answer(format!("{}{place}", query.text)).await;
        let standby = self.script.found.lock().facts.role == Role::Standby;
        sink.table(&["n".to_owned()], &[Value::Int(i64::from(standby))]);
        Ok(Fetched { took: answered?, ..Fetched::default() })
    }
}
