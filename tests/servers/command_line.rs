//! The command line where it leads to a server.

mod explain;
mod log;
mod planning;
mod secrets;
