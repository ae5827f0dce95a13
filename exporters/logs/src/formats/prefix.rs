//! `log_line_prefix` of PostgreSQL as a pattern.

use regex::{Captures, Regex};

use crate::line::{Field, Line};
use crate::severity;

/// A parsed `log_line_prefix`, with the severity that follows it.
#[derive(Debug, Clone)]
pub struct LinePrefix {
    pattern: Regex,
    /// The fields of the pattern's groups, from the second on; the first is the severity.
    fields: Vec<Field>,
    starts_with_time: bool,
}

impl LinePrefix {
    /// Parses the setting; `None` if it is too long for a pattern. Escapes of later releases match any text.
    pub fn new(setting: &str) -> Option<Self> {
        let mut pattern = String::from(r"\A");
        let mut groups = Vec::new();
        let mut ends_early = false;
        let mut rest = setting.chars();
        while let Some(first) = rest.next() {
            if first != '%' {
                pattern += &regex::escape(first.encode_utf8(&mut [0; 4]));
                continue;
            }
            let (escape, is_padded) = escape(&mut rest);
            match escape {
                None => pattern.push('%'),
                Some('%') => pattern.push('%'),
                // Processes without a session end their prefix here.
                Some('q') if !ends_early => {
                    ends_early = true;
                    pattern += "(?:";
                }
                Some('q') => {}
                Some(letter) => {
                    let (field, text) = content(letter);
                    let space = if is_padded { " *" } else { "" };
                    let group =
                        field.map_or_else(|| format!("(?:{text})"), |field| name_group(&mut groups, field, text));
                    pattern += &format!("{space}{group}{space}");
                }
            }
        }
        if ends_early {
            pattern += ")?";
        }
        let words: Vec<String> = severity::words().map(regex::escape).collect();
        pattern += &format!("(?P<severity>{}): +", words.join("|"));
        // Groups by number are quicker than by name.
        let pattern = Regex::new(&pattern).ok()?;
        let names: Vec<Option<&str>> = pattern.capture_names().collect();
        debug_assert_eq!(names.len(), groups.len() + 2);
        let starts_with_time = ["%m", "%t"].iter().any(|time| setting.starts_with(time));
        Some(Self { pattern, fields: groups, starts_with_time })
    }

    /// What the line is, and the text after its severity.
    pub fn split<'a>(&self, line: &'a str) -> Option<Prefixed<'a>> {
        let is_time = line.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if self.starts_with_time && !is_time {
            return None;
        }
        let captures = self.pattern.captures(line)?;
        let severity = severity::severity(captures.name("severity")?.as_str())?;
        let text = &line[captures.get(0)?.end()..];
        Some(Prefixed { severity, text, captures })
    }

    /// Sets the fields of the prefix.
    pub fn set_fields<'a>(&self, captures: &Captures<'a>, line: &mut Line<'a>) {
        for (at, field) in self.fields.iter().enumerate() {
            let Some(value) = captures.get(at + 1).map(|found| found.as_str()) else { continue };
            let value = match field {
                Field::RemoteHost => value.split_once('(').map_or(value, |(host, _)| host),
                _ => value,
            };
            if line.get(*field).is_none() {
                line.set(*field, value);
            }
        }
    }
}

/// A line with a prefix and a severity.
pub struct Prefixed<'a> {
    pub severity: severity::Severity,
    pub text: &'a str,
    pub captures: Captures<'a>,
}

fn name_group(groups: &mut Vec<Field>, field: Field, text: &str) -> String {
    groups.push(field);
    format!("({text})")
}

/// The letter after `%`, and whether a width is before it.
fn escape(rest: &mut std::str::Chars<'_>) -> (Option<char>, bool) {
    let mut is_padded = false;
    for next in rest {
        match next {
            '-' | '0'..='9' => is_padded = true,
            letter => return (Some(letter), is_padded),
        }
    }
    (None, is_padded)
}

/// The field of an escape, and what it looks like.
fn content(letter: char) -> (Option<Field>, &'static str) {
    match letter {
        'a' => (Some(Field::ApplicationName), ".*?"),
        'u' => (Some(Field::User), ".*?"),
        'd' => (Some(Field::Datname), ".*?"),
        'r' | 'h' => (Some(Field::RemoteHost), ".*?"),
        'b' => (Some(Field::BackendType), ".*?"),
        'p' => (Some(Field::Pid), r"\d+"),
        'P' => (None, r"\d*"),
        't' | 's' => (timestamp(letter), r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+"),
        'm' => (Some(Field::Timestamp), r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+"),
        'n' => (Some(Field::Timestamp), r"\d+\.\d+"),
        'i' => (Some(Field::Command), ".*?"),
        'e' => (Some(Field::Code), "[0-9A-Z]{5}"),
        'c' => (Some(Field::SessionId), r"[0-9a-f]+\.[0-9a-f]+"),
        'l' | 'x' => (None, r"\d+"),
        'v' => (None, "[-0-9/]*"),
        'Q' => (Some(Field::QueryId), r"-?\d+"),
        _ => (None, ".*?"),
    }
}

fn timestamp(letter: char) -> Option<Field> {
    (letter == 't').then_some(Field::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::severity::Severity;

    fn parsed<'a>(setting: &str, line: &'a str) -> (Severity, &'a str, Line<'a>) {
        let prefix = LinePrefix::new(setting).unwrap();
        let found = prefix.split(line).unwrap_or_else(|| panic!("{setting}: {line}"));
        let mut fields = Line::default();
        prefix.set_fields(&found.captures, &mut fields);
        (found.severity, found.text, fields)
    }

    #[test]
    fn reads_all_escapes() {
        let (severity, text, line) = parsed(
            "%a|%u|%d|%r|%h|%L|%b|%p|%P|%t|%m|%n|%i|%e|%c|%l|%s|%v|%x|%q%Q %%: ",
            concat!(
                "psql: x|bob|shop|10.0.0.1(5000)|10.0.0.1|10.0.0.2|client backend|7||2026-11-30 18:00:00 UTC|",
                "2026-11-30 18:00:00.123 UTC|1.5|SELECT|42P01|692d1.7|3|2026-11-30 17:00:00 +03|3/4|0|-77 %: FEHLER:  no"
            ),
        );
        assert_eq!((severity, text), (Severity::Message("ERROR"), "no"));
        for (field, value) in [
            (Field::ApplicationName, "psql: x"),
            (Field::User, "bob"),
            (Field::Datname, "shop"),
            (Field::RemoteHost, "10.0.0.1"),
            (Field::BackendType, "client backend"),
            (Field::Pid, "7"),
            (Field::Timestamp, "2026-11-30 18:00:00 UTC"),
            (Field::Command, "SELECT"),
            (Field::Code, "42P01"),
            (Field::SessionId, "692d1.7"),
            (Field::QueryId, "-77"),
        ] {
            assert_eq!(line.get(field), Some(value), "{field:?}");
        }
    }

    #[test]
    fn reads_prefixes_without_session() {
        let setting = "%m [%-6p] %q%u@%d ";
        let (_, text, line) = parsed(setting, "2026-11-30 18:00:00.123 UTC [7     ] LOG:  ready");
        assert_eq!((text, line.get(Field::User), line.get(Field::Pid)), ("ready", None, Some("7")));
        let (_, _, line) = parsed(setting, "2026-11-30 18:00:00.123 UTC [7     ] bob@shop LOG:  ready");
        assert_eq!((line.get(Field::User), line.get(Field::Datname)), (Some("bob"), Some("shop")));
        let (severity, text, _) = parsed("", "STATEMENT:  select 1");
        assert_eq!((severity, text), (Severity::Part(Some(Field::Query)), "select 1"));
    }

    #[test]
    fn refuses_other_lines() {
        let prefix = LinePrefix::new("%m [%p] ").unwrap();
        for line in ["", "cp: cannot stat", "\tcontinued", "2026-11-30 18:00:00.123 UTC [7] OTHER:  x", "LOG:  x"] {
            assert!(prefix.split(line).is_none(), "{line}");
        }
        assert!(LinePrefix::new("100%").is_some());
    }
}
