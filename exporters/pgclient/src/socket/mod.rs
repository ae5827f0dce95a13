//! Sockets that hold a permit until the server has closed its end.

pub(crate) mod connector;
pub(crate) mod endpoint;
pub(crate) mod permit_stream;
mod reachability;
mod stream;
