//! `check --server`: what every planned collector brings, what it takes, and how the server runs its query.

use std::collections::BTreeMap;
use std::time::Duration;

use super::brief::attention_sections;
use super::explain::explain_head;
use super::humanize::duration;
use crate::printable::Lines;
use crate::rows::{Rows, Value};
use crate::scrape::{Scraper, Snapshot, Targets};
use crate::source::{Query, Session, Source};

/// The most memory for one plan.
const MOST_PLAN_BYTES: usize = 1 << 20;

/// One collector, over all databases that have it.
#[derive(Default)]
struct Line<'a> {
    databases: usize,
    rows: usize,
    series: usize,
    took: Duration,
    /// In the first database where it succeeded.
    plan: Option<Plan>,
    key: &'a str,
}

/// How the server runs a query.
struct Plan {
    /// In units of `seq_page_cost`.
    total_cost: f64,
    lines: Vec<String>,
}

/// A line for each collector of the last collection, the longest first, then what needs attention.
///
/// `explain` is what makes a query one for its plan; without it no plan is asked for. `in_full` adds the plans.
pub(crate) async fn check_server<S: Source>(targets: &Targets<S>, explain: Option<&str>, in_full: bool) -> String {
    let mut out = Lines::default();
    for scraper in &targets.scrapers {
        explain_head(&mut out, scraper);
        let Some(view) = scraper.last_snapshot() else { continue };
        let mut lines = lines(scraper, &view);
        if let Some(explain) = explain {
            for (collector, query, database) in first_queries(scraper, &view) {
                let plan = plan(scraper, explain, query, database).await;
                lines.entry(collector).and_modify(|line| line.plan = plan);
            }
        }
        let mut lines: Vec<Line<'_>> = lines.into_values().collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.took));
        table(&mut out, &lines, in_full);
        attention_sections(&mut out, scraper, &view);
        out.line("");
        out.line(verdict(&view));
    }
    out.into_text()
}

fn lines<'a, S: Source>(scraper: &'a Scraper<S>, view: &Snapshot) -> BTreeMap<usize, Line<'a>> {
    let mut lines = BTreeMap::<usize, Line<'a>>::new();
    for one in &view.shown {
        let line = lines.entry(one.collector).or_default();
        line.key = &scraper.catalog.collectors[one.collector].key;
        line.databases += 1;
        line.took += one.state.duration;
        if let Some(success) = &one.state.last_success {
            line.rows += success.result.rows;
            line.series += success.result.series;
        }
    }
    lines
}

/// The query of each collector in the first database where it succeeded, with its name unless that is the main one. A
/// look-up has none: its argument is what others have found.
fn first_queries<S: Source>(scraper: &Scraper<S>, view: &Snapshot) -> Vec<(usize, Query, Option<String>)> {
    let mut first = BTreeMap::new();
    for (at, database) in view.databases.iter().enumerate() {
        let Some(probe) = &database.probe else { continue };
        let name = (!database.main).then(|| database.name.to_string());
        for planned in scraper.planned(&probe.facts, database.main) {
            let is_it = view
                .shown
                .iter()
                .any(|one| one.database == at && one.collector == planned.collector && one.state.failure.is_none());
            if is_it && scraper.catalog.collectors[planned.collector].has_query() {
                first.entry(planned.collector).or_insert((planned.query, name.clone()));
            }
        }
    }
    first.into_iter().map(|(collector, (query, name))| (collector, query, name)).collect()
}

/// The server's plan for a query, which the server does not run; `None` if it gives none.
async fn plan<S: Source>(scraper: &Scraper<S>, explain: &str, query: Query, database: Option<String>) -> Option<Plan> {
    let session = scraper.source.open(database.as_deref()).await.ok()?;
    let query = Query { text: format!("{explain}{}", query.text).into(), ..query };
    let mut rows = Rows::within(MOST_PLAN_BYTES);
    session.fetch(&query, &mut rows).await.ok()?;
    let text = |value: Value<'_>| value.label().map(|text| text.into_owned()).unwrap_or_default();
    let lines: Vec<String> = rows.iter().map(|row| text(row.get(0))).collect();
    Some(Plan { total_cost: total_cost(lines.first()?)?, lines })
}

/// The second cost of `Sort  (cost=1.00..2.50 rows=1 width=8)`.
fn total_cost(line: &str) -> Option<f64> {
    let (_, costs) = line.split_once("(cost=")?;
    let (_, total) = costs.split_once("..")?;
    total.split(' ').next()?.parse().ok()
}

fn table(out: &mut Lines, lines: &[Line<'_>], in_full: bool) {
    let width = lines.iter().map(|line| line.key.len()).max().unwrap_or_default().max(9);
    out.line("");
    out.line(format_args!("{:<width$}  databases    rows  series      time        cost", "collector"));
    for Line { key, databases, rows, series, took, plan } in lines {
        let cost = plan.as_ref().map(|plan| format!("{:.2}", plan.total_cost)).unwrap_or_default();
        let took = duration(*took);
        out.line(format_args!("{key:<width$}  {databases:>9}  {rows:>6}  {series:>6}  {took:>8}  {cost:>10}"));
        if in_full {
            plan.iter().flat_map(|plan| &plan.lines).for_each(|line| out.line(format_args!("    {line}")));
        }
    }
}

fn verdict(view: &Snapshot) -> String {
    let (count, failures) = (view.shown.len(), view.shown.iter().filter(|one| one.state.failure.is_some()).count());
    match &view.up {
        Err(error) => format!("the server is down: {error} ({})", error.reason),
        Ok(_) => format!("queries that ran: {count}, failed: {failures}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_total_cost_of_a_plan() {
        assert_eq!(total_cost("Sort  (cost=1.00..2.50 rows=1 width=8)"), Some(2.5));
        assert_eq!(total_cost("Utility statement"), None);
    }
}
