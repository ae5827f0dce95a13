//! libpq's `target_session_attrs`.

use crate::conninfo::parameters::{Parameters, keyword};
use crate::error::TargetError;

/// Which of several servers to use: libpq's `target_session_attrs`.
///
/// `read-write` means a primary and `read-only` a standby, since the exporter's own settings make sessions read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionKind {
    Any,
    Primary,
    Standby,
    PreferStandby,
}

impl SessionKind {
    pub(crate) fn from_parameters(parameters: &Parameters) -> Result<Self, TargetError> {
        let keywords = [
            ("any", Self::Any),
            ("read-write", Self::Primary),
            ("primary", Self::Primary),
            ("read-only", Self::Standby),
            ("standby", Self::Standby),
            ("prefer-standby", Self::PreferStandby),
        ];
        Ok(keyword(parameters, "target_session_attrs", &keywords)?.unwrap_or(Self::Any))
    }

    /// For each round over the servers: whether the server must be in recovery, must not be, or may be either.
    pub(crate) fn rounds(self) -> &'static [Option<bool>] {
        match self {
            Self::Any => &[None],
            Self::Primary => &[Some(false)],
            Self::Standby => &[Some(true)],
            Self::PreferStandby => &[Some(true), None],
        }
    }

    /// Whether a server is accepted in any round.
    pub(crate) fn accepts(self, in_recovery: Option<bool>) -> bool {
        self.rounds().iter().any(|wanted| wanted.is_none_or(|wanted| in_recovery == Some(wanted)))
    }
}
