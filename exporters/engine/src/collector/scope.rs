//! What a collector's result depends on beside its query: one database only, or more.

use super::{Ask, Predicate};

/// Words of SQL whose value changes though nothing happens in the database: the time, sessions, other servers.
const BEYOND_DATABASE: [&str; 18] = [
    "now(",
    "clock_timestamp",
    "current_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "localtimestamp",
    "current_date",
    "timeofday",
    "random",
    "pg_locks",
    "pg_lock_status",
    "pg_stat_activity",
    "pg_stat_get_activity",
    "pg_stat_ssl",
    "pg_stat_progress",
    "pg_stat_get_progress_info",
    "dblink",
    "pg_foreign",
];

/// Whether the result stays the same while nothing happens in its database, as far as the SQL tells.
pub(super) fn depends_on_database_only(ask: &Ask, predicates: &[Predicate]) -> bool {
    let (Ask::Query(text) | Ask::From(text)) = ask;
    let mut texts = std::iter::once(text).chain(predicates.iter().map(|predicate| &predicate.query));
    texts.all(|text| {
        let text = text.to_lowercase();
        !BEYOND_DATABASE.iter().any(|word| text.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_and_sessions_are_beyond_the_database() {
        for (sql, expected) in [
            ("SELECT count(*) FROM pg_class", true),
            ("SELECT extract(epoch FROM NOW() - max(t)) FROM jobs", false),
            ("SELECT count(*) FROM pg_catalog.pg_stat_activity", false),
            ("SELECT snow FROM weather", true),
        ] {
            assert_eq!(depends_on_database_only(&Ask::Query(sql.into()), &[]), expected, "{sql}");
        }
        let predicate = Predicate {
            name: String::new(),
            query: "SELECT random() > 0.5".into(),
            ttl: Default::default(),
            reason: None,
        };
        assert!(!depends_on_database_only(&Ask::From("t".into()), &[predicate]));
    }
}
