//! The HTTP interface: metrics, health by role, status page.

mod answer;
mod brief;
mod collector_status;
mod cross_site;
mod explain;
mod health;
pub(crate) mod humanize;
mod landing;
mod metrics;
mod pages;
pub(crate) mod paths;
mod server_check;
mod service;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get, post};

use crate::source::Source;

pub(crate) use brief::{Attention, all_succeeded, attention, explain_briefly};
pub(crate) use explain::{explain, watched};
pub(crate) use server_check::check_server;
pub(crate) use service::Service;

/// All routes.
pub(crate) fn router<S: Source>(service: Arc<Service<S>>) -> Router {
    let mut router = Router::new()
        .route(&service.telemetry_path, get(metrics::metrics::<S>))
        .route(paths::STATUS, get(landing::landing::<S>))
        .route(paths::LIVENESS, any(health::liveness))
        .route(paths::EXPLAIN, get(pages::explain_page::<S>))
        .route(paths::STAT, get(pages::stat::<S>))
        .route(paths::VERSION, get(pages::version::<S>));
    for path in paths::RELOAD {
        let reload = post(pages::reload::<S>).layer(from_fn(cross_site::refuse));
        router = router.route(path, reload.fallback(pages::only_post));
    }
    for path in paths::HEALTH {
        router = router.route(path, any(health::either::<S>));
    }
    for path in paths::PRIMARY {
        router = router.route(path, any(health::primary::<S>));
    }
    for path in paths::STANDBY {
        router = router.route(path, any(health::standby::<S>));
    }
    router.fallback(pages::not_found).with_state(service)
}
