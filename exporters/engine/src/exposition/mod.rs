//! Samples as text: the Prometheus text format 0.0.4 and OpenMetrics 1.0, plain or gzipped.
//!
//! `text` writes names, labels and numbers; `encoder` makes a `result` of the rows of one collector, with `value`,
//! `label_sets` and `histogram`;
//! `gzip` compresses families so that they can be joined, `demand` tells whether scrapers want that; `headers` has their HELP and TYPE lines; `self_metrics` encodes
//! the exporter's own metrics; `page` puts all of it in order; `format` negotiates how it is sent.

mod demand;
mod drop_reason;
mod encoder;
mod format;
mod gzip;
mod headers;
mod histogram;
mod label_sets;
mod page;
mod result;
mod self_metrics;
mod text;
mod value;

pub(crate) use demand::Demand;
pub(crate) use drop_reason::DropReason;
pub(crate) use encoder::{Encoder, Encoding};
pub(crate) use format::{Format, accepts_gzip};
pub(crate) use gzip::Compressors;
pub(crate) use headers::Headers;
pub(crate) use page::{Page, PageEncoding, Part};
pub(crate) use result::EncodedResult;
pub(crate) use self_metrics::SelfMetrics;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use text::{close_labels, write_label};
pub(crate) use value::LONGEST_LABEL;
