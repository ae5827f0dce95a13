//! The releases of PgBouncer and pgBackRest that the lab has.

use std::fmt;

/// A release of PgBouncer that the lab can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say all")]
pub enum BouncerRelease {
    V1_18,
    V1_24,
    V1_26,
}

impl BouncerRelease {
    /// All of them, oldest first.
    pub const ALL: [BouncerRelease; 3] = [BouncerRelease::V1_18, BouncerRelease::V1_24, BouncerRelease::V1_26];

    /// The newest one.
    pub const NEWEST: BouncerRelease = BouncerRelease::V1_26;

    /// The Debian suite that has it.
    pub(crate) fn suite(self) -> &'static str {
        match self {
            BouncerRelease::V1_18 => "bookworm",
            BouncerRelease::V1_24 => "trixie",
            BouncerRelease::V1_26 => "sid",
        }
    }

    /// The signal that ends it at once. From 1.23 on SIGTERM waits for its clients; before, SIGQUIT is not handled, and
    /// ignored below a shell that started us in the background.
    pub(crate) fn stop_signal(self) -> &'static str {
        match self {
            BouncerRelease::V1_18 => "TERM",
            BouncerRelease::V1_24 | BouncerRelease::V1_26 => "QUIT",
        }
    }

    /// As one number: 12400 for 1.24.
    pub const fn number(self) -> u32 {
        match self {
            BouncerRelease::V1_18 => 11_800,
            BouncerRelease::V1_24 => 12_400,
            BouncerRelease::V1_26 => 12_600,
        }
    }
}

impl fmt::Display for BouncerRelease {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "1.{}", self.number() / 100 % 100)
    }
}

/// A release of pgBackRest that Debian has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackrestRelease {
    /// 2.45, of Debian 12.
    V2_45,
    /// 2.55, of Debian 13.
    V2_55,
    /// The newest one that Debian has.
    Newest,
}

impl BackrestRelease {
    /// All of them, oldest first.
    pub const ALL: [BackrestRelease; 3] = [Self::V2_45, Self::V2_55, Self::Newest];

    /// The suite that has it.
    pub(crate) fn suite(self) -> &'static str {
        match self {
            Self::V2_45 => "bookworm",
            Self::V2_55 => "trixie",
            Self::Newest => "sid",
        }
    }
}

impl fmt::Display for BackrestRelease {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(match self {
            Self::V2_45 => "2.45",
            Self::V2_55 => "2.55",
            Self::Newest => "newest",
        })
    }
}
