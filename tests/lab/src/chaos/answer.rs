//! What a scraper gets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::page::Page;
use crate::http::request;

/// What the scrapers say how long they wait, in seconds.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The answer to a scrape.
#[derive(Debug)]
pub struct Answer {
    /// From before the connection was made until the last byte.
    pub elapsed: Duration,
    /// The status; none without an answer.
    pub status: Option<u16>,
    /// The page, or what is wrong with it, or why there was no answer.
    pub page: Result<Page, String>,
}

impl Answer {
    /// Scrapes as Prometheus does.
    pub fn of(exporter: SocketAddr) -> Answer {
        let begun = Instant::now();
        let deadline = DEADLINE.as_secs().to_string();
        let response = request(exporter, "GET", "/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", &deadline)]);
        let elapsed = begun.elapsed();
        match response {
            Ok(response) => {
                let page = String::from_utf8(response.body).map_err(|error| error.to_string());
                Answer { elapsed, status: Some(response.status), page: page.and_then(|text| Page::read(&text)) }
            }
            Err(error) => Answer { elapsed, status: None, page: Err(error.to_string()) },
        }
    }

    /// The page, if it is a valid one.
    pub fn page(&self) -> Option<&Page> {
        self.page.as_ref().ok()
    }

    /// Whether the server is up and these collectors have succeeded, and no collector has failed.
    pub fn is_whole(&self, collectors: &[String]) -> bool {
        self.page().is_some_and(|page| {
            let succeeded = page.succeeded();
            let all = collectors.iter().all(|collector| succeeded.contains(&**collector));
            page.is_up() && page.failed().is_empty() && all && !succeeded.is_empty()
        })
    }
}
