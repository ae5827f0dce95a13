//! What many clients, names and files cannot do to the exporter.

mod connections;
mod files;
mod names;
