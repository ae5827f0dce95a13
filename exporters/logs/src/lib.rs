//! Follows the log files of a program, and parses their lines.
//!
//! - [`Follower`] reads the files of one [`Place`] from saved [`Positions`], through rotation, truncation and deletion, and hands
//!   each event on once, as a [`Line`];
//! - [`Format`] says how the bytes of a file become lines; [`Decoder`] does it;
//! - [`Watch`] waits until something was written.
//!
//! What a message means is not known here, with one exception: [`Statements`] describes lines about durations, whose weight and
//! whose plan no pattern can tell.

mod follower;
mod formats;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod line;
mod severity;
mod statements;
mod tail;

pub use follower::{Follower, Round, Totals};
pub use formats::{Decoder, Format, LinePrefix};
pub use line::{Field, Line, MAX_TEXT};
pub use severity::{Severity, severity};
pub use statements::{PlanHistory, Sampling, Statements};
pub use tail::{Pattern, Place, Positions, Waker, Watch};
