//! How many connections the exporter may have when no number is given. Pure.

/// The most, whatever the server allows: each takes some megabytes of the server's memory.
pub(crate) const MOST: usize = 16;
/// Few enough for any server: the main database, health endpoints, and one for all others in turn.
pub(crate) const FEW: usize = 3;
/// At most this part of the server's connections.
const PART: i64 = 6;
/// Of the connections that a role may have, these are for a restarted exporter and a person.
const LEFT_TO_OTHERS: i64 = 2;

/// What a server says about its connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerLimits {
    /// Connections that are not reserved.
    pub connections: i64,
    /// Sessions of others.
    pub used_by_others: i64,
    /// The role's own limit; negative if it has none.
    pub role: i64,
}

/// The budget: a part of what the server allows, and at most half of what others have left, but a few in any case; never
/// more than the role may have.
pub(super) fn budget(limits: ServerLimits) -> usize {
    let left = (limits.connections - limits.used_by_others) / 2;
    let allowed = (limits.connections / PART).min(left);
    let allowed = usize::try_from(allowed).unwrap_or_default().clamp(FEW, MOST);
    let role = if limits.role < 0 { i64::MAX } else { (limits.role - LEFT_TO_OTHERS).max(limits.role.min(2)) };
    allowed.min(usize::try_from(role).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_a_part_of_what_the_server_and_the_role_allow() {
        for (connections, used_by_others, role, expected) in [
            (97, 10, -1, 16),
            (97, 80, -1, 8),
            (97, 97, -1, 3),
            (500, 10, -1, 16),
            (47, 5, -1, 7),
            (20, 0, -1, 3),
            (97, 10, 18, 16),
            (97, 10, 10, 8),
            (97, 10, 5, 3),
            (97, 10, 2, 2),
            (97, 10, 1, 1),
            (97, 10, 0, 1),
        ] {
            let limits = ServerLimits { connections, used_by_others, role };
            assert_eq!(budget(limits), expected, "{limits:?}");
        }
    }
}
