//! The version of pgBackRest.

use engine::Version;

/// A version of pgBackRest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BackrestVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl BackrestVersion {
    /// Parses the output of `pgbackrest version`, such as `pgBackRest 2.60.0dev`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().strip_prefix("pgBackRest ")?;
        let text = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut parts = text.split('.').map(str::parse::<u32>);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        Some(Self { major, minor, patch: parts.next().unwrap_or(Ok(0)).ok()? })
    }

    /// In the engine's form: 25501 for 2.55.1, 0 if unknown.
    pub fn engine_version(self) -> Version {
        Version(self.major * 10_000 + self.minor * 100 + self.patch)
    }

    /// In pgBackRest's form: 2055001 for 2.55.1.
    pub fn number(self) -> u32 {
        self.major * 1_000_000 + self.minor * 1_000 + self.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_versions_with_and_without_patch() {
        for (text, version, number) in [
            ("pgBackRest 2.45\n", 24_500, 2_045_000),
            ("pgBackRest 2.55.1", 25_501, 2_055_001),
            ("pgBackRest 2.60.0dev", 26_000, 2_060_000),
        ] {
            let version_read = BackrestVersion::parse(text).unwrap();
            assert_eq!((version_read.engine_version(), version_read.number()), (Version(version), number), "{text}");
        }
        for bad in ["", "pgBackRest", "pgBackRest two", "2.45"] {
            assert_eq!(BackrestVersion::parse(bad), None, "{bad}");
        }
    }
}
