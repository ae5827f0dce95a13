//! Alertmanager's example: routes by severity, and inhibitions that never reach beyond one server or cluster.

use crate::rename::Renames;
use crate::site::Labels;

const SOURCE: &str = include_str!("../../../../alerts/source/alertmanager/alertmanager.yml");

/// The configuration with the site's labels.
#[must_use]
pub fn alertmanager(labels: &Labels) -> String {
    let scope = labels.scope.iter().map(|label| format!(", {label}")).collect::<String>();
    let renamed = Renames::new(labels).apply(&SOURCE.replace(", @scope@", &scope));
    renamed.lines().map(|line| once_each(line) + "\n").collect()
}

/// The line with each label of a list once: two of our labels may have one name at a site.
fn once_each(line: &str) -> String {
    let list = ["group_by: [", "equal: ["]
        .into_iter()
        .find_map(|key| line.split_once(key).map(|(blanks, list)| (key, blanks, list)));
    let Some((key, blanks, list)) = list else { return line.to_owned() };
    let (list, rest) = list.split_once(']').unwrap_or((list, ""));
    let mut labels: Vec<&str> = Vec::new();
    for label in list.split(", ") {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    format!("{blanks}{key}{}]{rest}", labels.join(", "))
}
