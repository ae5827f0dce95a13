//! The collector file: one branch is one query and what its columns mean.
//!
//! `yaml` reads a text into a tree with places, `read` turns the tree into [`Collector`]s and tells every diagnostic.
//! `keys` is the table of all keys: `fields` checks against it, `reference` and `schema` print it. The rules of `doctor` are
//! read with the same `yaml`, `fields` and `diagnostic`.

mod access;
mod ask;
mod change;
mod columns;
mod diagnostic;
mod fields;
mod foreign;
mod key;
mod keys;
mod log_keys;
mod log_lines;
mod macros;
mod model;
mod read;
mod reference;
mod sample;
mod schema;
mod scope;
mod top;
mod yaml;

pub(crate) use ask::{check_macros, read_sql_file};
pub(crate) use change::Change;
pub(crate) use diagnostic::{Diagnostic, Diagnostics, Tolerable};
pub(crate) use fields::Fields;
pub(crate) use key::{Item, Key, KeyMap, KeyType};
pub(crate) use macros::expand as expand_macros;
pub(crate) use model::{Ask, Collector, Column, Family, Fold, Lookup, MetricKind, Predicate, Top, Usage};
pub(crate) use read::{CollectorFile, read_file};
pub(crate) use reference::markdown as keys_page;
pub(crate) use sample::{no_counter, not_sampled};
pub(crate) use schema::json_schema;
pub use yaml::{Kind as YamlKind, Node as YamlNode, Position, parse as parse_yaml};

pub(crate) use crate::sql::quote;

/// For tests of texts that have no file beside them.
#[cfg(test)]
pub(crate) fn no_sql_file(_: &std::path::Path) -> Result<String, String> {
    Err("there is none".into())
}

/// Columns as a file would give them, for tests of other modules.
#[cfg(test)]
pub(crate) fn columns_of_test(metrics: &str) -> Vec<Column> {
    let indented = metrics.replace('\n', "\n    ");
    let text = format!("x:\n  query: x\n  metrics:\n    {indented}\n");
    let CollectorFile { mut collectors, told, .. } =
        read_file("test.yml", &text, &crate::tiers::Tiers::default(), &no_sql_file);
    assert!(told.errors.is_empty(), "{:?}", told.errors);
    collectors.remove(0).columns
}
