//! Rate limit, authentication and response headers: before and after the router.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rustls::ServerConfig;
use tower::ServiceExt as _;

use super::auth::{Logins, Verdict};
use super::current_config::WebConfigFile;
use super::error::ListenError;
use super::rate_limit::Bucket;
use super::web_config::WebConfig;

/// The web configuration and its state between requests.
pub(super) struct Middleware {
    web_config: WebConfigFile,
    bucket: Bucket,
    logins: Logins,
}

impl Middleware {
    /// A middleware that follows `web_config`.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn new(web_config: WebConfigFile) -> Result<Self, ListenError> {
        Ok(Self { web_config, bucket: Bucket::default(), logins: Logins::new()? })
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.web_config.is_tls() { "https" } else { "http" }
    }

    /// The TLS configuration for a connection that begins now; `None` is plain HTTP.
    pub(super) async fn tls(&self) -> Option<Arc<ServerConfig>> {
        if !self.web_config.is_tls() {
            return None;
        }
        self.web_config.current().await.tls.as_ref().map(|tls| tls.config.clone())
    }

    /// The response of `app`, or 429, 401 or 503 without calling it.
    pub(super) async fn answer(&self, request: Request<Body>, app: Router) -> Response {
        let config = self.web_config.current().await;
        let mut response = match self.refusal(&config, request.headers()).await {
            Some(refusal) => refusal,
            None => match app.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        };
        for (name, value) in &config.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }

    async fn refusal(&self, config: &WebConfig, headers: &HeaderMap) -> Option<Response> {
        if let Some(limit) = config.rate_limit
            && !self.bucket.take(limit, Instant::now())
        {
            return Some((StatusCode::TOO_MANY_REQUESTS, "too many requests\n").into_response());
        }
        if config.users.is_empty() {
            return None;
        }
        match self.logins.check(&config.users, headers.get(header::AUTHORIZATION)).await {
            Verdict::Right => None,
            Verdict::Wrong => {
                let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
                Some((StatusCode::UNAUTHORIZED, challenge, "unauthorized\n").into_response())
            }
            Verdict::Busy => {
                let retry = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
                Some((StatusCode::SERVICE_UNAVAILABLE, retry, "too many login attempts\n").into_response())
            }
        }
    }
}
