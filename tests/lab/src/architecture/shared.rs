//! What the components of the architecture have in common.

use std::net::SocketAddr;
use std::time::Duration;

use crate::http::request;

/// Name of the cluster, of its stanza, and value of the label `cls`.
pub(crate) const SCOPE: &str = "pg-lab";

/// How long a component may take to start on a busy machine.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(60);

/// True if a path answers 200.
pub(crate) fn answers(address: SocketAddr, path: &str) -> bool {
    request(address, "GET", path, &[]).is_ok_and(|response| response.status == 200)
}
