//! Runs the rules on a server, one after another, in the main database and in each other one.

use std::time::{Duration, Instant};

use reason::Reason;
use serde::Serialize;

use super::finding::Finding;
use super::rule::{Rule, Scope};
use crate::collector::quote;
use crate::error::SourceError;
use crate::facts::ServerFacts;
use crate::rows::Rows;
use crate::scrape::{DatabaseView, Snapshot};
use crate::source::{Query, Session, Source};

/// The most memory that the rows of one rule in one database take. Others are counted.
const MOST_BYTES: usize = 4 << 20;
/// In place of a rule's name where a database could not be opened.
const ALL_RULES: &str = "all rules";

/// What the rules found on a server.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// Of rules that found something, in the order of the rules.
    pub findings: Vec<Finding>,
    pub unread: Vec<Unread>,
    /// How many queries ran, and how long the server worked on them.
    pub queries: usize,
    pub took: Duration,
}

/// A rule that could not be examined in a database.
#[derive(Debug, Serialize)]
pub(crate) struct Unread {
    pub name: String,
    pub database: String,
    pub error: String,
    /// The statements that would let the role read it, if that is known.
    pub grant: Option<String>,
}

/// Examines a server. A rule that fails costs itself only.
pub(super) async fn examine<S: Source>(source: &S, view: &Snapshot, rules: &[Rule]) -> Examined {
    let mut examined = Examined::default();
    let mut findings: Vec<Finding> = rules.iter().map(Finding::new).collect();
    for database in view.databases.iter().filter(|_| view.up.is_ok()) {
        let mut visit = Visit { source, database, session: None };
        let facts = match visit.facts().await {
            Ok(facts) => facts,
            Err(error) => {
                examined.unread.push(visit.unread(ALL_RULES, None, "", &error));
                continue;
            }
        };
        for (rule, finding) in rules.iter().zip(&mut findings) {
            if rule.applies(&facts, database.main) {
                visit.run(rule, &facts, finding, &mut examined).await;
            }
        }
    }
    examined.findings = findings.into_iter().filter(|finding| finding.count > 0).collect();
    examined
}

/// A database while it is examined.
struct Visit<'a, S: Source> {
    source: &'a S,
    database: &'a DatabaseView,
    /// `None` before the first query, and after one that broke the session.
    session: Option<S::Session>,
}

impl<S: Source> Visit<'_, S> {
    /// What is known of the database; it is probed now if the collection did not come to it before its deadline.
    async fn facts(&mut self) -> Result<ServerFacts, SourceError> {
        if let Some(probe) = &self.database.probe {
            return Ok(probe.facts.clone());
        }
        let session = self.open().await?;
        let facts = session.probe(None).await?.facts;
        self.session = Some(session);
        Ok(facts)
    }

    async fn open(&self) -> Result<S::Session, SourceError> {
        self.source.open((!self.database.main).then_some(&*self.database.name)).await
    }

    async fn run(&mut self, rule: &Rule, facts: &ServerFacts, finding: &mut Finding, examined: &mut Examined) {
        let (query, join) = rule.queries(facts);
        let (mut rows, mut joined) = (Rows::within(MOST_BYTES), Rows::within(MOST_BYTES));
        let mut result = self.fetch(&query, &mut rows, examined).await;
        if let Some(join) = join.filter(|_| result.is_ok()) {
            result = self.fetch(&join, &mut joined, examined).await;
        }
        match result {
            Ok(()) => {
                let database = (rule.scope == Scope::Database).then_some(&*self.database.name);
                finding.add(rule, &rows, &joined, database);
            }
            Err(error) => {
                if matches!(error.reason, Reason::Closed | Reason::Timeout) {
                    self.session = None;
                }
                examined.unread.push(self.unread(&rule.name, rule.grant.as_ref(), &facts.user, &error));
            }
        }
    }

    async fn fetch(&mut self, query: &Query, rows: &mut Rows, examined: &mut Examined) -> Result<(), SourceError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        let begun = Instant::now();
        let fetched = session.fetch(query, rows).await;
        self.session = Some(session);
        examined.queries += 1;
        examined.took += fetched.as_ref().map_or_else(|_| begun.elapsed(), |fetched| fetched.took);
        fetched.map(|_| ())
    }

    fn unread(&self, name: &str, grant: Option<&String>, user: &str, error: &SourceError) -> Unread {
        let is_forbidden = error.reason == Reason::Permission;
        let reported = error.missing_grant.as_ref().map(|grant| format!("{grant} TO @user@;"));
        let grant = if is_forbidden { grant.cloned().or(reported) } else { None };
        Unread {
            name: name.to_owned(),
            database: self.database.name.to_string(),
            error: format!("{error} ({})", error.reason),
            grant: grant.map(|grant| grant.replace("@user@", &quote(user))),
        }
    }
}
