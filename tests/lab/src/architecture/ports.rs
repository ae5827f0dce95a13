//! The ports of HAProxy.

use crate::error::LabError;
use crate::port::{free_port, port_or_free};

/// Where HAProxy listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// On the ports that the architecture has, and on a free one where one is taken.
    Standard,
    /// On free ports.
    Free,
}

impl Ports {
    pub(crate) fn get(self, standard: u16) -> Result<u16, LabError> {
        match self {
            Self::Standard => port_or_free(standard),
            Self::Free => free_port(),
        }
    }
}
