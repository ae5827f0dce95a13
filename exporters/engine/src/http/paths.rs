//! The paths that the exporter answers at, beside that of the metrics.

/// Whether the server answers, in either role.
pub(super) const HEALTH: [&str; 4] = ["/up", "/health", "/readiness", "/read"];
/// Whether it is a primary.
pub(super) const PRIMARY: [&str; 5] = ["/primary", "/leader", "/master", "/read-write", "/rw"];
/// Whether it is a standby.
pub(super) const STANDBY: [&str; 5] = ["/replica", "/standby", "/slave", "/read-only", "/ro"];
/// Whether the exporter itself is alive.
pub(super) const LIVENESS: &str = "/liveness";
/// The status page.
pub(super) const STATUS: &str = "/";
pub(super) const EXPLAIN: &str = "/explain";
pub(super) const STAT: &str = "/stat";
pub(super) const VERSION: &str = "/version";
/// Loads the collector files anew.
pub(super) const RELOAD: [&str; 2] = ["/reload", "/-/reload"];

/// Whether `path` is one of them, which the metrics cannot take.
pub(crate) fn is_fixed(path: &str) -> bool {
    let one = [LIVENESS, STATUS, EXPLAIN, STAT, VERSION];
    [&HEALTH[..], &PRIMARY, &STANDBY, &RELOAD, &one].concat().contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_paths_that_are_taken() {
        for path in ["/", "/up", "/rw", "/ro", "/-/reload", "/version"] {
            assert!(is_fixed(path), "{path}");
        }
        assert!(!is_fixed("/metrics") && !is_fixed("/up/"));
    }
}
