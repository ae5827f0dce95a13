//! Health: the exporter's own, and the server's by role, for load balancers and orchestrators.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use reason::Reason;

use super::answer::text;
use super::service::Service;
use crate::error::SourceError;
use crate::facts::{Health, Role};
use crate::source::Source;

type Parameters = Query<HashMap<String, String>>;

/// The exporter is alive when it answers.
pub(super) async fn liveness() -> Response {
    text(StatusCode::OK, "alive")
}

/// The server answers, in either role.
pub(super) async fn either<S: Source>(State(service): State<Arc<Service<S>>>, parameters: Parameters) -> Response {
    answer(service, None, parameters).await
}

/// The server answers and takes writes.
pub(super) async fn primary<S: Source>(State(service): State<Arc<Service<S>>>, parameters: Parameters) -> Response {
    answer(service, Some(Role::Primary), parameters).await
}

/// The server answers and is a standby.
pub(super) async fn standby<S: Source>(State(service): State<Arc<Service<S>>>, parameters: Parameters) -> Response {
    answer(service, Some(Role::Standby), parameters).await
}

async fn answer<S: Source>(service: Arc<Service<S>>, wanted: Option<Role>, parameters: Parameters) -> Response {
    let max_lag = match parameters.get("max_lag").map(|text| text.parse::<f64>()) {
        None => None,
        Some(Ok(seconds)) if seconds >= 0.0 => Some(seconds),
        Some(_) => {
            return text(StatusCode::BAD_REQUEST, "max_lag: expected a number of seconds, for example ?max_lag=10");
        }
    };
    match service.targets().health(service.probe_timeout, max_lag.is_some()).await {
        Ok(health) => text(status(health, wanted, max_lag), health.role.word()),
        Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, word(&error)),
    }
}

fn status(health: Health, wanted: Option<Role>, max_lag_seconds: Option<f64>) -> StatusCode {
    if wanted.is_some_and(|role| role != health.role) {
        return StatusCode::NOT_FOUND;
    }
    // A standby whose lag is unknown is not known to be close enough.
    let close = |most| health.role == Role::Primary || health.lag_seconds.is_some_and(|lag| lag <= most);
    if max_lag_seconds.is_none_or(close) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The state of a server whose probe failed.
pub(super) fn word(error: &SourceError) -> &'static str {
    if error.reason == Reason::Starting { "starting" } else { "down" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_the_status_by_role_and_lag() {
        let mut health = Health { role: Role::Standby, lag_seconds: Some(5.0) };
        assert_eq!(status(health, None, None), StatusCode::OK);
        assert_eq!(status(health, Some(Role::Primary), None), StatusCode::NOT_FOUND);
        assert_eq!(status(health, Some(Role::Standby), Some(5.0)), StatusCode::OK);
        assert_eq!(status(health, Some(Role::Standby), Some(4.9)), StatusCode::SERVICE_UNAVAILABLE);
        health.lag_seconds = None;
        assert_eq!(status(health, Some(Role::Standby), Some(4.9)), StatusCode::SERVICE_UNAVAILABLE);
        health.role = Role::Primary;
        assert_eq!(status(health, Some(Role::Primary), Some(0.0)), StatusCode::OK);
    }
}
