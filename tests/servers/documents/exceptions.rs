//! Commands that no test of this kind can run, and why.

use super::page::Page;

/// A page, what the command begins with, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 12] = [
    ("docs/guide/backups.md", "pgbackrest-exporter", "needs root, and repositories: tests/servers/pgbackrest runs it"),
    ("docs/guide/backups.md", "curl -s localhost:9854", "the same"),
    ("docs/guide/install.md", "apt install", "needs root and packages: tests/packages installs them"),
    ("docs/guide/install.md", "dnf install", "the same"),
    ("docs/guide/install.md", "systemctl enable", "needs systemd: tests/packages starts the unit"),
    ("docs/guide/install.md", "curl -s localhost:9630", "asks the unit"),
    ("docs/guide/kubernetes.md", "kubectl", "needs a cluster"),
    (
        "docs/guide/kubernetes.md",
        "helm install",
        "needs a cluster: tests/unit/chart renders the chart with these values",
    ),
    ("docs/guide/logs.md", "vector --config", "no package registry has Vector: tests/unit/logs runs its programs"),
    ("docs/guide/patroni.md", "pg-exporter --patroni-url", "needs Patroni: tests/architecture/switchover.rs starts it"),
    ("docs/guide/pigsty.md", "systemctl", "needs systemd, and Pigsty"),
    ("docs/guide/services.md", "pg-exporter --services", "needs load balancers: tests/servers/services.rs starts them"),
];

/// The exception for a command of a page.
pub fn find(page: &str, command: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|(name, begin, _)| *name == page && command.starts_with(begin))
}

/// The exceptions that no command of these pages needs.
pub fn unused(pages: &[Page]) -> Vec<(&'static str, &'static str)> {
    let is_used = |index: usize| pages.iter().any(|page| page.excepted.contains(&index));
    EXCEPTIONS.iter().enumerate().filter(|(index, _)| !is_used(*index)).map(|(_, found)| (found.0, found.1)).collect()
}
