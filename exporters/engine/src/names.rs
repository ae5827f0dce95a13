//! Names that Prometheus knows.

/// Whether `name` may name a metric.
pub fn is_metric_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| rest(c) && !c.is_ascii_digit()) && name.chars().all(rest)
}

/// Whether `name` may name a label.
pub fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':') && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_names_that_prometheus_accepts() {
        for name in ["a", "_a1", "A:b"] {
            assert!(is_metric_name(name), "{name}");
        }
        for name in ["", "1a", "a-b", "é"] {
            assert!(!is_metric_name(name), "{name}");
        }
        assert!(is_label_name("datname") && is_label_name("_a"));
        assert!(!is_label_name("a:b") && !is_label_name("__name__"));
    }
}
