//! A branch that is defined again: the later definition holds, as in pg_exporter.

use std::sync::Arc;

use crate::collector::{Collector, Diagnostic, Position, Tolerable};

/// Removes the collector of that branch, which is defined again in `file`.
pub(super) fn remove_earlier(
    collectors: &mut Vec<Collector>,
    key: &str,
    (file, position): (&Arc<str>, Position),
    tolerable: &mut Vec<Tolerable>,
) {
    let Some(at) = collectors.iter().position(|earlier| *earlier.key == *key) else { return };
    let earlier = collectors.remove(at);
    let there = format!("{}:{}:{}", earlier.file, earlier.position.line, earlier.position.column);
    let message = format!("branch {key} is already defined at {there}");
    let warning = format!("{message}: that definition is left out");
    tolerable.push(Tolerable { fault: Diagnostic::new(file, position, message), warning });
}
