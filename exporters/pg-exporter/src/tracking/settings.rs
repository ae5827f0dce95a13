//! The settings that make a session's statements leave a trace.

/// A setting and its values with which the exporter's statements leave no trace. The exporter sets the first one.
type Setting = (&'static str, &'static [&'static str]);

/// Not among them: `log_min_error_statement`, since the log must show which statement caused an error; `log_temp_files`, which
/// reports the use of a resource; `log_connections`, which a role cannot change; and audit extensions, which record everybody.
const SETTINGS: [Setting; 15] = [
    ("pg_stat_statements.track", &["none"]),
    ("pg_stat_kcache.track", &["none"]),
    ("pg_stat_monitor.pgsm_track", &["none"]),
    ("pg_store_plans.track", &["none"]),
    ("pg_qualstats.enabled", &["off"]),
    ("auto_explain.log_min_duration", &["-1"]),
    // The exporter's statements neither define nor modify anything.
    ("log_statement", &["none", "ddl", "mod"]),
    ("log_duration", &["off"]),
    ("log_min_duration_statement", &["-1"]),
    ("log_min_duration_sample", &["-1"]),
    ("log_transaction_sample_rate", &["0"]),
    ("log_statement_stats", &["off"]),
    ("log_parser_stats", &["off"]),
    ("log_planner_stats", &["off"]),
    ("log_executor_stats", &["off"]),
];

/// Some of the settings, one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SettingSet(pub(super) u32);

impl SettingSet {
    fn of(wanted: impl Fn(usize, &Setting) -> bool) -> Self {
        let wanted = SETTINGS.iter().enumerate().filter(|(at, setting)| wanted(*at, setting));
        Self(wanted.map(|(at, _)| 1 << at).sum())
    }

    /// Those with these names.
    pub(super) fn named(names: &[&str]) -> Self {
        Self::of(|_, (name, _)| names.contains(name))
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, and the value that each is set to.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let members = SETTINGS.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0);
        members.filter_map(|(_, (name, values))| Some((*name, *values.first()?)))
    }

    /// A statement for each, which begins with `prefix`.
    pub(super) fn statements(self, prefix: &str) -> String {
        let statements: Vec<String> =
            self.pairs().map(|(name, value)| format!("{prefix}SET {name} = '{value}';")).collect();
        statements.join(" ")
    }
}

/// An SQL expression for the values of all settings in a session; NULL for a setting that does not exist.
pub(crate) fn values_expression() -> String {
    let values = SETTINGS.map(|(name, _)| format!("pg_catalog.current_setting('{name}', true)"));
    format!("ARRAY[{}]", values.join(", "))
}

/// The settings that leave a trace, by the value of [`values_expression`].
pub(crate) fn tracing(values: &[Option<String>]) -> SettingSet {
    let value = |at: usize| values.get(at).and_then(Option::as_deref);
    SettingSet::of(|at, (_, silent)| value(at).is_some_and(|value| !silent.contains(&value)))
}

/// How to switch the settings off for the role; `None` if there are none.
pub(crate) fn advice(user: &str, settings: SettingSet) -> Option<String> {
    let role = format!("ALTER ROLE \"{}\" ", user.replace('"', "\"\""));
    (!settings.is_empty()).then(|| {
        format!(
            "the exporter's own statements are written to the server's log, or counted by extensions, where they evict \
             users' statements. Run as a superuser, and restart the exporter: {}",
            settings.statements(&role)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracing_with(name: &str, value: &str) -> SettingSet {
        tracing(&SETTINGS.map(|(other, _)| (other == name).then(|| value.to_owned())))
    }

    #[test]
    fn knows_which_values_leave_a_trace() {
        assert!(tracing(&[]).is_empty());
        assert!(tracing(&SETTINGS.map(|(_, silent)| Some(silent[0].to_owned()))).is_empty());
        for (name, value, traces) in [
            ("pg_stat_statements.track", "top", true),
            ("log_statement", "ddl", false),
            ("log_statement", "all", true),
            ("log_min_duration_statement", "0", true),
            ("log_transaction_sample_rate", "0", false),
            ("log_executor_stats", "on", true),
        ] {
            let pairs: Vec<_> = tracing_with(name, value).pairs().map(|(name, _)| name).collect();
            assert_eq!(pairs, [name][..usize::from(traces)], "{name} = {value}");
        }
    }

    #[test]
    fn advice_has_a_statement_for_each_setting() {
        let text = advice("a\"b", SettingSet::named(&["log_duration", "log_statement"])).unwrap();
        let statements =
            "ALTER ROLE \"a\"\"b\" SET log_statement = 'none'; ALTER ROLE \"a\"\"b\" SET log_duration = 'off';";
        assert!(text.ends_with(statements), "{text}");
        assert_eq!(advice("a", SettingSet::default()), None);
    }
}
