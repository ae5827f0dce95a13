//! The command line where it leads to a server.

mod check_server;
mod explain;
mod log;
mod planning;
mod secrets;
