//! The logs of Patroni, PgBouncer and pgBackRest: an event is a line with a time and a severity, and lines without.

use regex::Regex;

use crate::formats::events::Kind;
use crate::formats::json;
use crate::line::{Field, Line};

/// How the log lines of one program look.
#[derive(Debug, Clone)]
pub struct LinePattern {
    pattern: Regex,
    /// What follows the severity.
    message: Regex,
    /// Fields that are part of a file's name.
    file_name: Option<Regex>,
    is_json_too: bool,
}

impl LinePattern {
    /// Patroni's default format, and its type `json`.
    pub fn patroni() -> Self {
        let mut made = Self::new(
            r"\A(?P<timestamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*) (?P<severity>[A-Z]+): (?P<message>(?s:.*))",
            r"\A\z.",
            None,
        );
        made.is_json_too = true;
        made
    }

    /// PgBouncer's log file.
    pub fn pgbouncer() -> Self {
        Self::new(
            r"\A(?P<timestamp>\d{4}-\S+ \S+ \S+) \[(?P<pid>\d+)\] (?P<severity>[A-Z]+) (?P<message>(?s:.*))",
            r"\A(?P<side>[CS])-0x[0-9a-f]+: (?P<datname>[^/\n]+)/(?P<user>[^@\n]+)@(?P<remote_host>\S+?)(?::\d+)? ",
            None,
        )
    }

    /// pgBackRest's log files, one per stanza and command.
    pub fn pgbackrest() -> Self {
        Self::new(
            r"\A(?P<timestamp>\d{4}-\S+ \S+) P(?P<process>\d+) +(?P<severity>[A-Z]+): (?P<message>(?s:.*))",
            r"\A\[(?P<code>\d{3})\]: ",
            Some(concat!(
                r"\A(?P<stanza>.+)-(?P<command>(?:archive|backup|check|expire|info|repo|restore|server|stanza|start|stop|verify)",
                r"[a-z-]*)\.log"
            )),
        )
    }

    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and each is compiled by a test")]
    fn new(pattern: &str, message: &str, file_name: Option<&str>) -> Self {
        Self {
            pattern: Regex::new(pattern).unwrap(),
            message: Regex::new(message).unwrap(),
            file_name: file_name.map(|pattern| Regex::new(pattern).unwrap()),
            is_json_too: false,
        }
    }

    /// What a line is. What has no time and severity continues the line before.
    pub fn kind(&self, line: &str) -> Kind {
        let is_separator = self.file_name.is_some() && (line.is_empty() || line.starts_with("---"));
        match self.pattern.is_match(line) || self.is_json(line) {
            true => Kind::Starts,
            false if is_separator => Kind::Nothing,
            false => Kind::Continues,
        }
    }

    /// Parses the lines of one event.
    pub fn parse<'a>(&self, event: &'a str, file_name: &'a str) -> Option<Line<'a>> {
        let mut line = Line::default();
        if self.is_json(event) {
            line = json::parse(event)?;
        } else {
            let message = set(&self.pattern, event, &mut line)?;
            set(&self.message, message, &mut line);
        }
        if let Some(pattern) = &self.file_name {
            set(pattern, file_name, &mut line);
        }
        let severity = match line.get(Field::Severity)? {
            "WARN" => "WARNING",
            "CRITICAL" | "ASSERT" => "FATAL",
            _ => return Some(line),
        };
        line.set(Field::Severity, severity);
        Some(line)
    }

    fn is_json(&self, line: &str) -> bool {
        self.is_json_too && line.starts_with('{')
    }
}

/// Sets the fields that the groups of a pattern name. Returns the message.
fn set<'a>(pattern: &Regex, text: &'a str, line: &mut Line<'a>) -> Option<&'a str> {
    let captures = pattern.captures(text)?;
    for name in pattern.capture_names().flatten() {
        if let (Some(field), Some(found)) = (Field::named(name), captures.name(name)) {
            line.set(field, found.as_str());
        }
    }
    captures.name("message").map(|found| found.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &Line<'_>) -> Vec<(&'static str, String)> {
        Field::ALL.iter().filter_map(|field| Some((field.name(), line.get(*field)?.to_owned()))).collect()
    }

    #[test]
    fn reads_patroni() {
        let patroni = LinePattern::patroni();
        let line = patroni.parse("2026-11-23 03:17:41,658 CRITICAL: lost\nTraceback", "patroni.log").unwrap();
        assert_eq!(line.get(Field::Severity), Some("FATAL"));
        assert_eq!(line.get(Field::Message), Some("lost\nTraceback"));
        let json = r#"{"asctime": "2026-11-23 03:17:41,658", "levelname": "WARN", "message": "a"}"#;
        assert_eq!(patroni.kind(json), Kind::Starts);
        assert_eq!(patroni.parse(json, "patroni.log").unwrap().get(Field::Severity), Some("WARNING"));
        assert_eq!(patroni.kind("Traceback"), Kind::Continues);
    }

    #[test]
    fn reads_pgbouncer() {
        let line = "2026-11-23 03:17:41.658 UTC [7] LOG C-0x55: shop/app@10.0.0.1:5000 login attempt: db=shop";
        let line = LinePattern::pgbouncer().parse(line, "pgbouncer.log");
        let expected = [
            ("timestamp", "2026-11-23 03:17:41.658 UTC"),
            ("severity", "LOG"),
            ("message", "C-0x55: shop/app@10.0.0.1:5000 login attempt: db=shop"),
            ("datname", "shop"),
            ("user", "app"),
            ("remote_host", "10.0.0.1"),
            ("pid", "7"),
            ("side", "C"),
        ];
        assert_eq!(fields(&line.unwrap()), expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn reads_pgbackrest() {
        let line = "2026-11-23 03:17:42.001 P01  ERROR: [055]: missing";
        let line = LinePattern::pgbackrest().parse(line, "main-db-archive-push-async.log").unwrap();
        assert_eq!(line.get(Field::Code), Some("055"));
        assert_eq!(line.get(Field::Process), Some("01"));
        assert_eq!(line.get(Field::Stanza), Some("main-db"));
        assert_eq!(line.get(Field::Command), Some("archive-push-async"));
        assert_eq!(LinePattern::pgbackrest().parse("-------------------PROCESS START-------------------", "a"), None);
    }
}
