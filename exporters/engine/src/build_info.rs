//! The version of this program.

/// The version of the suite.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a program was built from. The program passes it in, so that a commit does not rebuild the engine.
#[derive(Debug, Clone, Copy)]
pub struct BuildInfo {
    /// The commit, or `unknown`.
    pub revision: &'static str,
    /// The day of the commit, or `unknown`.
    pub date: &'static str,
}

impl BuildInfo {
    /// What `--version` prints after the program's name.
    pub(crate) fn version(self) -> String {
        format!("{VERSION} (revision {}, built {})", self.revision, self.date)
    }

    /// Labels of the build-info metric; operating system and architecture by their names in Go.
    pub(crate) fn labels(self) -> [(&'static str, &'static str); 4] {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let system = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        [("version", VERSION), ("revision", self.revision), ("goos", system), ("goarch", architecture)]
    }
}
