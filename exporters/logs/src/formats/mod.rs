//! From the bytes of a log file to lines.

mod csv;
mod decoder;
mod events;
mod format;
mod json;
mod prefix;
mod programs;
mod shortened;
mod stderr;

pub use decoder::Decoder;
pub use format::Format;
pub use prefix::LinePrefix;
