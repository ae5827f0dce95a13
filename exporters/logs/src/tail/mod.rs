//! The files of a log: which there are, which is which, and how far each was read.

mod directory;
mod files;
mod identity;
mod positions;
mod tracked;
mod watch;

pub use directory::{Pattern, Place};
pub use files::Files;
pub use positions::Positions;
pub use watch::{Waker, Watch};
