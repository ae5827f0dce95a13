//! Everything that is the same for every exporter. In the order of the flow:
//!
//! - `run` reads the command line (`cli`, `config`, `options`), loads the catalog, serves (`listen`, `http`), reloads, stops;
//! - `catalog` and `collector` turn YAML files into validated collectors, or into all diagnostics with their positions;
//! - `scrape` answers one request before its deadline: it opens sessions of a [`Source`], probes the server,
//!   makes a `plan` (pure: which collectors run here, and why the others do not), fetches what is due;
//! - `store` remembers results, failures and what is in flight, and alone decides what is fresh;
//! - `accumulate` sums up in the exporter what samples and log lines bring;
//! - `top` keeps the busiest label sets of a result and sums the others, `lookup` keeps details of the label sets shown;
//! - `exposition` encodes the rows as they arrive (it is a [`RowSink`]), and joins the encoded families to a page;
//! - `doctor` runs rules on a server and reports what is wrong there, with what the collection shows;
//! - `redact` keeps passwords out of labels and errors, and constants out of statement texts;
//! - `counters`, `self_metric`, `status`, `log`, `list`, `manual`, `build_info` report on the exporter itself, `service_manager`
//!   reports to systemd;
//! - `exporter`, `labels`, `names`, `state_folder`, `tiers`, `printable` are used by several of these and use none of them.
//!
//! An exporter implements [`Source`] and [`Session`] and calls [`run()`]. Nothing here knows a database driver.

mod accumulate;
mod build_info;
mod catalog;
mod cli;
mod collector;
mod config;
mod counters;
mod doctor;
mod error;
mod exporter;
mod exposition;
mod facts;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod http;
mod labels;
mod list;
mod listen;
mod log;
mod lookup;
mod manual;
mod names;
mod options;
mod plan;
mod printable;
mod qualify;
mod redact;
mod rows;
mod run;
mod scrape;
mod self_metric;
mod service_manager;
mod source;
mod sql;
mod state_folder;
mod status;
mod store;
mod tiers;
mod top;

pub use build_info::BuildInfo;
pub use catalog::{CheckQuery, EmbeddedFolder};
pub use cli::read_flags;
pub use collector::{Position, YamlKind, YamlNode, parse_yaml};
pub use error::SourceError;
pub use exporter::{Context, Exporter, Sources, Tool};
pub use facts::{
    Detail, Extension, Health, LogLocation, LogProgram, OtherDatabase, Role, ServerFacts, ServerNotes, ServerProbe,
    Version,
};
pub use names::{is_label_name, is_metric_name};
pub use options::parse_bool;
pub use reason::Reason;
pub use rows::{CellError, Fetched, RowSink, Value};
pub use run::run;
pub use source::{Connections, Query, Session, Source};
pub use state_folder::StateFolder;
