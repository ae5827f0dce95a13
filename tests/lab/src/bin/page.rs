//! Serves a finished page by the exporters' HTTP stack and does nothing else: the least that serving it takes.

use std::path::PathBuf;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use clap::Parser;

/// Serve two files under /metrics: the page, and the page compressed.
#[derive(Parser)]
struct Arguments {
    #[arg(long = "web.listen-address", value_name = "HOST:PORT")]
    listen: String,
    identity: PathBuf,
    gzip: PathBuf,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let page = Bytes::from(std::fs::read(arguments.identity)?);
    let compressed = Bytes::from(std::fs::read(arguments.gzip)?);
    let answer = |headers: HeaderMap| async move {
        const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
        if headers.contains_key(ACCEPT_ENCODING) {
            ([(CONTENT_TYPE, TEXT), (CONTENT_ENCODING, "gzip")], compressed).into_response()
        } else {
            ([(CONTENT_TYPE, TEXT)], page).into_response()
        }
    };
    let listener = tokio::net::TcpListener::bind(&arguments.listen).await?;
    axum::serve(listener, Router::new().route("/metrics", get(answer))).await
}
