//! The command line: every flag in every spelling, the tasks, what errors say.

mod flags;
mod secrets;
mod tasks;
mod usage;
