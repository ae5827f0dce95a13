//! Sockets that hold a permit until the server has closed its end.

pub(crate) mod connector;
pub(crate) mod endpoint;
pub(crate) mod limited_tls;
pub(crate) mod permit_stream;
pub(crate) mod reachability;
pub(crate) mod row_limiter;
mod stream;
