//! Web pages cannot send requests that change something.
//!
//! A page of any site can make an operator's browser send a POST to a port that only the operator can reach, and by DNS
//! rebinding even as a same-origin request. No page of ours sends such requests, so every request that a page sent is
//! refused. Programs such as curl send neither header and are served.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::text;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers 403 to a request that a page in a browser has sent.
pub(super) async fn refuse(request: Request, next: Next) -> Response {
    if is_from_a_page(request.headers()) {
        return text(StatusCode::FORBIDDEN, "refused: a web page sent this request; use curl -X POST, or send SIGHUP");
    }
    next.run(request).await
}

/// Browsers send the origin with every POST, and newer ones the site with every request; `none` is an address that the
/// user typed.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.get(FETCH_SITE).is_some_and(|site| site != "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_requests_of_web_pages_from_those_of_programs() {
        let is_from_a_page = |pairs: &[(&'static str, &'static str)]| {
            let pair =
                |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), value.parse().unwrap());
            is_from_a_page(&pairs.iter().map(pair).collect())
        };
        for page in [
            &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")][..],
            // An older browser, a sandboxed frame, a neighbour, and a name that was rebound to our address.
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("sec-fetch-site", "same-site")],
            &[("host", "evil.example:9630"), ("origin", "http://evil.example:9630"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(is_from_a_page(page), "{page:?}");
        }
        for program in [&[][..], &[("user-agent", "curl/8")], &[("sec-fetch-site", "none")]] {
            assert!(!is_from_a_page(program), "{program:?}");
        }
    }
}
