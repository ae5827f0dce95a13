//! The shape of a plan: what stays the same when only its costs, rows and literals differ.
//!
//! It has the types of the nodes, their order, the names of tables, indexes, functions and CTEs, and what is parallel. It
//! has no conditions, so no literal of a statement; no aliases, no numbers of workers, no costs, rows or times.
//!
//! Partitions count once, however many of them a plan reads: which ones are read depends on the parameters.

mod describe;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod node;

use std::fmt;

use serde::Deserialize;
use siphasher::sip::SipHasher13;
use thiserror::Error;

use self::node::Node;

/// The most bytes of a shape's text.
pub const MAX_TEXT: usize = 240;

/// The shape of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanShape {
    /// Equal for plans of the same shape, in every release of this program.
    pub id: PlanId,
    /// The shape, such as `Hash Join(Seq Scan orders, Index Scan customers using customers_pkey)`; at most [`MAX_TEXT`]
    /// bytes, the rest is `…`.
    pub text: String,
    /// The query identifier, if the plan has one (auto_explain.log_verbose).
    pub query_id: Option<i64>,
}

/// Identifies a shape; 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(pub u64);

impl fmt::Display for PlanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Why a text has no shape.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// The end is missing: the log line was longer than what is kept of it.
    #[error("the plan is cut off")]
    CutOff,
    /// Another format than JSON, or another document.
    #[error("not a plan in JSON (set auto_explain.log_format = 'json')")]
    NotAPlan,
}

impl PlanShape {
    /// Reads the output of auto_explain, or of EXPLAIN, in JSON.
    ///
    /// # Errors
    /// The text is cut off or is no plan; one with more than 60 levels is refused, too.
    pub fn read(json: &str) -> Result<Self, PlanError> {
        let refused = |error: serde_json::Error| if error.is_eof() { PlanError::CutOff } else { PlanError::NotAPlan };
        let explained = if json.trim_start().starts_with('[') {
            let [explained] = serde_json::from_str::<[Explained; 1]>(json).map_err(refused)?;
            explained
        } else {
            serde_json::from_str::<Explained>(json).map_err(refused)?
        };
        let text = describe::shape(&explained.plan);
        let id = PlanId(SipHasher13::new().hash(text.as_bytes()));
        Ok(Self { id, text: bounded(text), query_id: explained.query_id })
    }
}

/// One statement of EXPLAIN's output.
#[derive(Deserialize)]
struct Explained {
    #[serde(rename = "Plan")]
    plan: Node,
    #[serde(rename = "Query Identifier")]
    query_id: Option<i64>,
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
