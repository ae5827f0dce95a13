//! From what was collected to a page: `snapshot` decides what is shown, `page` makes a server's part of a page,
//! `own_rows` adds what needs no query, `self_metrics` adds what the exporter measures about itself.

mod own_rows;
mod page;
mod process;
mod self_metrics;
mod snapshot;

pub(super) use own_rows::{log_results, own_results};
pub(super) use page::{TargetPage, target_page};
pub(super) use process::process_metrics;
pub(crate) use snapshot::{CollectorView, DatabaseView, Snapshot};
