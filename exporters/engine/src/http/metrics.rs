//! `/metrics`: format and deadline from the scraper's headers, the response in chunks.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::Instant;

use super::service::Service;
use crate::exposition::{Format, Page, accepts_gzip};
use crate::scrape::ScraperId;
use crate::source::Source;

const TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
/// Subtracted from the scraper's timeout for the network.
const MARGIN: Duration = Duration::from_millis(500);
/// No scraper waits longer than this.
const LONGEST: Duration = Duration::from_secs(300);

pub(super) async fn metrics<S: Source>(
    State(service): State<Arc<Service<S>>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let deadline = Instant::now() + time_to_answer(header(&headers, &TIMEOUT), service.scrape_timeout);
    let format = Format::negotiate(all(&headers, &header::ACCEPT).as_deref(), service.prefer_open_metrics);
    let gzip = accepts_gzip(all(&headers, &header::ACCEPT_ENCODING).as_deref());
    let targets = service.targets();
    let scraper = scraper(peer.map(|Extension(ConnectInfo(peer))| peer), &headers);
    let page = targets.scrape(deadline, format, gzip, scraper.as_ref()).await;
    let length = page.length.to_string();
    let has_limit = header(&headers, &TIMEOUT).is_some();
    let body = Body::from_stream(chunks(page, move |results, took| {
        // Others may read as slowly as they like.
        if has_limit {
            targets.note_sent(results, took);
        }
    }));
    let head = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CONTENT_LENGTH, length.as_str()),
        (header::VARY, "Accept, Accept-Encoding"),
    ];
    let mut response = (StatusCode::OK, head, body).into_response();
    if gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    response
}

/// Identity of the scraper: replicas of Prometheus have different addresses, programs on one host different user agents.
fn scraper(peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<ScraperId> {
    let agent = header(headers, &header::USER_AGENT).unwrap_or_default();
    peer.map(|peer| ScraperId(format!("{} {}", peer.ip(), agent.chars().take(100).collect::<String>())))
}

/// The chunks of a page. When the last one is taken, `sent` is told how many results it has and how long that took.
fn chunks(page: Page, sent: impl FnOnce(usize, Duration)) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let (begun, results) = (Instant::now(), page.results);
    let mut sent = Some(sent);
    let mut chunks = page.chunks.into_iter().peekable();
    stream::iter(std::iter::from_fn(move || {
        let chunk = chunks.next()?;
        if chunks.peek().is_none()
            && let Some(sent) = sent.take()
        {
            sent(results, begun.elapsed());
        }
        Some(Ok(chunk))
    }))
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A header that may be repeated, as one list.
fn all(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The scraper's timeout less a margin, else `--scrape-timeout`.
fn time_to_answer(limit: Option<&str>, otherwise: Duration) -> Duration {
    let limit = limit.and_then(|text| text.trim().parse().ok()).filter(|seconds: &f64| *seconds > 0.0);
    let Some(limit) = limit.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else { return otherwise };
    let limit = limit.min(LONGEST);
    limit - MARGIN.min(limit / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_scrapers_timeout_less_a_margin() {
        let answer = |limit| time_to_answer(limit, Duration::from_secs(9)).as_millis();
        assert_eq!(answer(Some("10")), 9500);
        assert_eq!(answer(Some("1")), 750);
        assert_eq!(answer(None), 9000);
        for strange in ["", "-1", "0", "x", "NaN"] {
            assert_eq!(answer(Some(strange)), 9000, "{strange}");
        }
        assert_eq!(answer(Some("1e300")), 9000);
    }
}
