//! Alertmanager's example: routes by severity, and inhibitions that never reach beyond one server or cluster.

use crate::rename::Renames;
use crate::site::Labels;

const SOURCE: &str = include_str!("../../../../alerts/source/alertmanager/alertmanager.yml");

/// The configuration with the site's labels.
#[must_use]
pub fn alertmanager(labels: &Labels) -> String {
    let scope = labels.scope.iter().map(|label| format!(", {label}")).collect::<String>();
    Renames::new(labels).apply(&SOURCE.replace(", @scope@", &scope))
}
