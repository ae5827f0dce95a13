//! What this program is.

/// The version of the suite.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, if the build was told.
pub(crate) const REVISION: &str = match option_env!("EXPORTER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Labels of the build-info metric; operating system and architecture by the names that Go has for them.
pub(crate) const LABELS: &[(&str, &str)] = &[
    ("version", VERSION),
    ("revision", REVISION),
    ("goos", std::env::consts::OS),
    (
        "goarch",
        match std::env::consts::ARCH.as_bytes() {
            b"x86_64" => "amd64",
            b"aarch64" => "arm64",
            _ => std::env::consts::ARCH,
        },
    ),
];
