//! How many executions a logged one stands for, by the settings that made PostgreSQL log it.

/// Which statements and plans a server logs.
///
/// They are the settings of the server. ALTER ROLE, ALTER DATABASE and SET may have others, which nobody can see in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// `log_min_duration_statement` in milliseconds; `None` is off.
    pub min_duration_statement: Option<f64>,
    /// `log_min_duration_sample` in milliseconds; `None` is off.
    pub min_duration_sample: Option<f64>,
    /// `log_statement_sample_rate`, 0 to 1.
    pub statement_rate: f64,
    /// `log_transaction_sample_rate`, 0 to 1.
    pub transaction_rate: f64,
    /// `auto_explain.sample_rate`, 0 to 1.
    pub plan_rate: f64,
}

impl Default for Sampling {
    /// What is logged stands for itself.
    fn default() -> Self {
        Self {
            min_duration_statement: None,
            min_duration_sample: None,
            statement_rate: 1.0,
            transaction_rate: 0.0,
            plan_rate: 1.0,
        }
    }
}

impl Sampling {
    /// The names of the settings that it reads.
    pub const SETTINGS: [&str; 5] = [
        "log_min_duration_statement",
        "log_min_duration_sample",
        "log_statement_sample_rate",
        "log_transaction_sample_rate",
        "auto_explain.sample_rate",
    ];

    /// From the values that `pg_settings.setting` has; a setting that is missing has no effect.
    pub fn from_settings<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Self {
        let number = |at: usize| setting(Self::SETTINGS[at]).and_then(|text| text.parse::<f64>().ok());
        let milliseconds = |at: usize| number(at).filter(|number| *number >= 0.0);
        let none = Self::default();
        Self {
            min_duration_statement: milliseconds(0),
            min_duration_sample: milliseconds(1),
            statement_rate: number(2).unwrap_or(none.statement_rate),
            transaction_rate: number(3).unwrap_or(none.transaction_rate),
            plan_rate: number(4).unwrap_or(none.plan_rate),
        }
    }

    /// How many statements one stands for that took so long and was logged with its text: 1 / the probability that one is
    /// logged. 1 if these settings log none: then others were in force.
    pub fn statement_weight(&self, milliseconds: f64) -> f64 {
        let exceeds = |limit: Option<f64>| limit.is_some_and(|limit| milliseconds >= limit);
        if exceeds(self.min_duration_statement) {
            return 1.0;
        }
        let of_statement = if exceeds(self.min_duration_sample) { self.statement_rate } else { 0.0 };
        weight(of_statement + self.transaction_rate - of_statement * self.transaction_rate)
    }

    /// How many executions a logged plan stands for.
    pub fn plan_weight(&self) -> f64 {
        weight(self.plan_rate)
    }
}

fn weight(probability: f64) -> f64 {
    if probability > 0.0 { (1.0 / probability).max(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &'static str)]) -> Sampling {
        Sampling::from_settings(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    #[test]
    fn a_statement_above_the_threshold_stands_for_itself() {
        let sampling = of(&[
            ("log_min_duration_statement", "1000"),
            ("log_min_duration_sample", "10"),
            ("log_statement_sample_rate", "0.01"),
        ]);
        assert_eq!([1000.0, 999.9, 10.0].map(|ms| sampling.statement_weight(ms).round()), [1.0, 100.0, 100.0]);
        // Logged although nothing asks for it: another setting was in force.
        assert_eq!(sampling.statement_weight(9.0), 1.0);
    }

    #[test]
    fn a_sampled_transaction_has_all_its_statements_logged() {
        let sampling = of(&[("log_min_duration_statement", "-1"), ("log_transaction_sample_rate", "0.5")]);
        assert_eq!(sampling.statement_weight(0.1), 2.0);
        let both = Sampling { min_duration_sample: Some(0.0), statement_rate: 0.5, ..sampling };
        assert_eq!(both.statement_weight(0.1), 1.0 / 0.75);
    }

    #[test]
    fn settings_that_are_off_or_missing_have_no_effect() {
        assert_eq!(of(&[]), Sampling::default());
        assert_eq!(of(&[("log_min_duration_statement", "-1"), ("auto_explain.sample_rate", "x")]), Sampling::default());
        assert_eq!(of(&[("log_min_duration_statement", "0")]).statement_weight(0.0), 1.0);
        assert_eq!(of(&[("auto_explain.sample_rate", "0.01")]).plan_weight(), 100.0);
        assert_eq!(of(&[("auto_explain.sample_rate", "0")]).plan_weight(), 1.0);
    }
}
