//! A page of metrics: whether it is valid, and what is on it.

use std::collections::{BTreeMap, BTreeSet};

/// A valid page in the text format, version 0.0.4.
#[derive(Debug, Default)]
pub struct Page {
    /// The value of each series, which is written as on the page.
    series: BTreeMap<String, f64>,
}

/// One per planned collector and database.
const SUCCESS: &str = "pg_exporter_collector_success{";

impl Page {
    /// Reads it; else says what is wrong with it first.
    pub fn read(text: &str) -> Result<Page, String> {
        let (mut page, mut heads, mut begun) = (Page::default(), BTreeSet::new(), BTreeSet::new());
        let mut family = "";
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        for line in text.lines() {
            let wrong = |what: &str| Err(format!("{what}: {line:?}"));
            if let Some(head) = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")) {
                family = head.split(' ').next().unwrap_or_default();
                if !heads.insert((&line[..6], family)) {
                    return wrong("a second head");
                }
            } else if !line.starts_with('#') {
                let Some((series, name, value)) = sample(line) else { return wrong("no sample") };
                // The parts of a histogram or summary are of the family, too.
                if !name.strip_prefix(family).is_some_and(|part| ["", "_bucket", "_sum", "_count"].contains(&part)) {
                    return wrong("outside its family");
                }
                if page.series.insert(series.to_owned(), value).is_some() {
                    return wrong("twice");
                }
                begun.insert(family);
                continue;
            }
            if begun.contains(family) {
                return wrong("the family goes on");
            }
        }
        Ok(page)
    }

    /// The value of a series without labels.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.series.get(name).copied()
    }

    /// Whether the server has answered.
    pub fn is_up(&self) -> bool {
        self.value("pg_up") == Some(1.0)
    }

    /// Why it is down.
    pub fn reason(&self) -> Option<&str> {
        self.series.keys().find_map(|series| series.strip_prefix("pg_up_reason{reason=\"")?.strip_suffix("\"}"))
    }

    /// The series of collectors, without the exporter's own.
    pub fn collected(&self) -> BTreeSet<&str> {
        let own = ["pg_up", "pg_exporter_", "process_", "pg_scrape"];
        let is_own = |series: &&str| own.iter().any(|name| series.starts_with(name));
        self.series.keys().map(String::as_str).filter(|series| !is_own(series)).collect()
    }

    /// The collectors that succeeded, each with its database.
    pub fn succeeded(&self) -> BTreeSet<&str> {
        self.collectors(1.0)
    }

    /// The collectors that failed, each with its database.
    pub fn failed(&self) -> BTreeSet<&str> {
        self.collectors(0.0)
    }

    fn collectors(&self, success: f64) -> BTreeSet<&str> {
        let with_value = self.series.iter().filter(|(_, value)| **value == success);
        with_value.filter_map(|(series, _)| series.strip_prefix(SUCCESS)?.strip_suffix('}')).collect()
    }
}

/// Series, name and value of a line.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let length = if rest.starts_with('{') { labels(rest)? } else { 0 };
    let is_name = |name: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
        !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(is_part)
    };
    let value = rest[length..].strip_prefix(' ')?;
    (is_name(name) && !value.contains(' ')).then_some((&line[..end + length], name, value.parse().ok()?))
}

/// The length of `{name="value",…}` with its braces.
fn labels(text: &str) -> Option<usize> {
    let mut at = 1;
    while !text[at..].starts_with('}') {
        let name = text[at..].find("=\"")?;
        at += name + 2;
        loop {
            let mut rest = text[at..].char_indices();
            match rest.next()?.1 {
                '"' => break,
                '\\' if matches!(rest.next()?.1, 'n' | '"' | '\\') => at += 2,
                '\\' => return None,
                plain => at += plain.len_utf8(),
            }
        }
        at += 1;
        at += usize::from(text[at..].starts_with(','));
    }
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP pg_up Whether the server answers
# TYPE pg_up gauge
pg_up 0
# TYPE pg_up_reason gauge
pg_up_reason{reason="timeout"} 1
# TYPE pg_db_size gauge
pg_db_size{datname="a\"}\\ \nü",b=""} 1.5e3
pg_db_size{datname="b",b=""} +Inf
# TYPE pg_exporter_collector_success gauge
pg_exporter_collector_success{collector="pg_db",datname="a"} 1
pg_exporter_collector_success{collector="pg_wal",datname="a"} 0
"#;

    #[test]
    fn a_valid_page_is_read() {
        let page = Page::read(PAGE).unwrap();
        assert_eq!((page.is_up(), page.reason()), (false, Some("timeout")));
        assert_eq!(page.collected().len(), 2);
        assert_eq!(page.succeeded(), BTreeSet::from([r#"collector="pg_db",datname="a""#]));
        assert_eq!(page.failed(), BTreeSet::from([r#"collector="pg_wal",datname="a""#]));
    }

    #[test]
    fn what_is_wrong_with_a_page_is_named() {
        let wrong = [
            ("pg_down 1\n", "outside its family"),
            ("# TYPE pg_up gauge\n", "a second head"),
            ("pg_exporter_collector_success{collector=\"pg_wal\",datname=\"a\"} 0\n", "twice"),
            ("pg_exporter_collector_success{a=\"\\x\"} 0\n", "no sample"),
            ("pg_exporter_collector_success{a=\"b} 0\n", "no sample"),
            ("pg_exporter_collector_success many\n", "no sample"),
            ("# HELP pg_db_size Goes on\npg_db_size 1\n", "the family goes on"),
            ("pg_exporter_collector_success 0", "the last line has no end"),
        ];
        for (more, expected) in wrong {
            let error = Page::read(&format!("{PAGE}{more}")).unwrap_err();
            assert!(error.starts_with(expected), "{more}: {error}");
        }
    }
}
