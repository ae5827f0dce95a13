//! What jq filters over the documents of pgBackRest have.
//!
//! The input of a filter is the document. Its variables are `$now` (Unix seconds), `$run` (one object for the outcome of each
//! run of pgBackRest), `$options` (the flags and the version), and what is prepared once for each document: `$backups` (those
//! exported individually), `$newest`, `$last` and `$repo_last` (the newest of them), `$clusters` and `$index`. `$verify` and `$drill`
//! have the results of `pgbackrest verify` and of restore drills, and when they are due. Every filter can use the definitions in
//! `prelude.jq`.

use jaq_json::Val;
use jq::{Filter, Language};

use crate::native::functions;

/// The variables of a filter.
const VARIABLES: [&str; 11] = [
    "$now",
    "$run",
    "$options",
    "$backups",
    "$newest",
    "$last",
    "$repo_last",
    "$clusters",
    "$index",
    "$verify",
    "$drill",
];

/// Their values, in that order.
pub(crate) type Variables = [Val; VARIABLES.len()];

pub(crate) static LANGUAGE: Language =
    Language { variables: &VARIABLES, prelude: include_str!("prelude.jq"), functions };

/// Checks the text of a filter.
pub(crate) fn check(text: &str) -> Result<(), String> {
    Filter::compile(text, &LANGUAGE).map(drop)
}
