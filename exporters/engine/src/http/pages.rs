//! Small pages in plain text: explain, stat, version, reload.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::text;
use super::explain::explain;
use super::service::Service;
use crate::printable::Lines;
use crate::scrape::Scraper;
use crate::source::Source;

pub(super) async fn explain_page<S: Source>(State(service): State<Arc<Service<S>>>) -> Response {
    let targets = service.targets();
    targets.ensure_collected(service.scrape_timeout).await;
    text(StatusCode::OK, explain(&targets))
}

/// One line for each planned collector of each database.
pub(super) async fn stat<S: Source>(State(service): State<Arc<Service<S>>>) -> Response {
    let targets = service.targets();
    let mut out = Lines::default();
    let head = ["datname", "collector", "scrapes", "hits", "errors", "skips", "series", "ttl/s", "duration/ms"];
    line(&mut out, &head.map(String::from));
    for scraper in &targets.scrapers {
        if targets.scrapers.len() > 1 {
            out.line(format_args!("# {}", scraper.source.target()));
        }
        stat_of(&mut out, scraper);
    }
    text(StatusCode::OK, out.into_text())
}

fn stat_of<S: Source>(out: &mut Lines, scraper: &Scraper<S>) {
    let Some(snapshot) = scraper.last_snapshot() else { return };
    for one in &snapshot.shown {
        let state = &one.state;
        let series = state.last_success.as_ref().map_or(0, |good| good.result.series);
        let cells = [
            snapshot.databases[one.database].name.to_string(),
            scraper.catalog.collectors[one.collector].key.to_string(),
            state.collections.to_string(),
            state.hits.to_string(),
            state.errors.to_string(),
            state.skips.to_string(),
            series.to_string(),
            scraper.ttl(one.collector).as_secs().to_string(),
            format!("{:.1}", state.duration.as_secs_f64() * 1e3),
        ];
        line(out, &cells);
    }
}

fn line(out: &mut Lines, [datname, collector, numbers @ ..]: &[String; 9]) {
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:>11}")).collect();
    out.line(format_args!("{datname:<24} {collector:<24} {}", numbers.join(" ")));
}

pub(super) async fn version<S: Source>(State(service): State<Arc<Service<S>>>) -> Response {
    let mut out = service.name.to_owned();
    for (name, value) in service.build.labels() {
        write!(out, "\n{name}: {value}").ok();
    }
    text(StatusCode::OK, out)
}

pub(super) async fn reload<S: Source>(State(service): State<Arc<Service<S>>>) -> Response {
    match service.reload().await {
        Ok(_) => text(StatusCode::OK, "server reloaded"),
        Err(error) => {
            let mut out = Lines::default();
            out.lines(&format!("fail to reload: {error}"));
            text(StatusCode::INTERNAL_SERVER_ERROR, out.into_text())
        }
    }
}

pub(super) async fn only_post() -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed").into_response();
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    response
}

pub(super) async fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "not found: / is the status page")
}
