//! Queries of collectors whose source is JSON: jq filters.
//!
//! A [`Runner`] runs the query of a collector on a document and hands its outputs to the engine as rows. `filter_cache` has
//! the compiled filters, `filter` compiles and runs one, `interrupt` ends it at its deadline. [`Shape`] gives the members of a
//! document the types that filters rely on; [`json`] reads and makes values.

mod filter;
mod filter_cache;
mod interrupt;
pub mod json;
mod runner;
mod shape;
mod shorten;

pub use filter::{Filter, FilterError, FilterTable, Language};
pub use interrupt::Interruptible;
pub use jaq_json::Val;
pub use runner::Runner;
pub use shape::Shape;
pub use shorten::shorten;
