//! Collector files, from the query files of other exporters.
//!
//! `formats` has a reader for each exporter: it turns a YAML tree into drafts of collectors (`collector`) and reports what
//! differs. `fields` reads the maps of the tree, `versions` its version ranges, `duration` its times, `select_list` and
//! `statement` its SQL; `render` writes collectors as YAML, `overlap` finds those that would give the same metrics, `report`
//! says what became of each query, `command` is the command line.

mod collector;
mod command;
mod duration;
mod error;
mod fields;
mod formats;
mod overlap;
mod render;
mod report;
mod select_list;
mod statement;
mod tokens;
mod versions;

pub use command::run;
pub use error::ImportError;
