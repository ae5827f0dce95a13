//! What clients of the HTTP interface and readers of the log cannot do to the exporter.

mod heads;
mod log;
mod requests;
mod web_config;
