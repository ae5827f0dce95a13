//! Redacts pgBackRest's errors and warnings: only known messages are shown, without what they quote.
//!
//! pgBackRest quotes its configuration: a malformed line, an unknown option, an invalid value, a URL. Any of them may be a
//! password or part of one, and no pattern detects that. So a message is shown only in a form that is listed here, and of its
//! quotations only option names that pgBackRest knows, line numbers and codes. Of any other message only the error's code or
//! class is shown.

use std::sync::LazyLock;

use jaq_json::Val;
use jq::json::{elements, member, string, text, with};
use regex::Regex;

/// In place of an unknown message.
pub(crate) const OMITTED: &str = "text omitted because it may quote the configuration (run pgbackrest info to see it)";

/// The status code of a stanza or repository whose message is an error text.
const ERROR_CODE: &str = "99";

/// Forms of messages, and what is shown of them. A quotation extends to the last quote, since it may contain quotes.
const FORMS: [(&str, &str); 21] = [
    // Lines of a file.
    (r"^(missing '=' in key/value at line \d+|key/value found outside of section at line \d+)\b", "$1"),
    (r"^(ini section should end with \] at line \d+|key is zero-length at line \d+)\b", "$1"),
    // Names of unknown options, and the section of a known one.
    (
        r"^(configuration file|environment)( variable)? contains (invalid( negate| reset)?) option '",
        "$1 contains an $3 option",
    ),
    (r"^invalid (option|command) '", "invalid $1 on the command line"),
    (r"^section '.*', key '([a-z][a-z0-9-]*)' must have a value$", "option $1 must have a value"),
    (
        r"^environment variable '([a-z][a-z0-9-]*)' must have a value$",
        "environment variable for option $1 must have a value",
    ),
    // Values.
    (
        r"(?s)^'.*' (is not allowed|is not valid|is out of range|must begin with /|must be >= \d+) for '([a-z][a-z0-9-]*)' option$",
        "a value $1 for option $2",
    ),
    (r"^invalid value for '([a-z][a-z0-9-]*)' option\b", "invalid value for option $1"),
    (r"^(?:environment )?boolean option '([a-z][a-z0-9-]*)' must be 'y' or 'n'$", "option $1 must be y or n"),
    // Known options.
    (
        r"^option '([a-z][a-z0-9-]*)' (cannot be set multiple times|cannot be negated|cannot be reset|is not allowed on the command-line|requires an argument|does not allow an argument)$",
        "option $1 $2",
    ),
    (
        r"^(configuration file|environment) contains (command-line only|stanza-only) option '([a-z][a-z0-9-]*)'",
        "$1 contains $2 option $3",
    ),
    (r"^([a-z-]+ command requires option: [a-z][a-z0-9-]*)$", "$1"),
    (r"^(command does not allow parameters|no command found)$", "$1"),
    // Files and hosts.
    (r"(?s)^(unable to [a-z ]+?) '.*'((?: for [a-z]+)?(?:: \[-?\d+\] [A-Za-z][A-Za-z ,-]*)?:?)$", "$1$2"),
    (r"^(HTTP request failed with \d{3})\b", "$1"),
    (r"^invalid URL '", "invalid URL"),
    (r"(?s)^(?:remote-\d+|local-\d+) process on '.*' (terminated unexpectedly \[\d+\])", "process on another host $1"),
    // File contents.
    (r"^((?:zlib|lz4|zstd|bz2) threw error: \[-?\d+\] [a-z][a-z ]*)$", "$1"),
    (r"(?s)^error restoring '.*' (does not match expected) checksum '", "error restoring a file: its checksum $1 one"),
    (r"^(cipher header invalid|expected format \d+ but found \d+)$", "$1"),
    (r"^(unable to find a valid repository|unable to flush)\b", "$1"),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let compile = |(form, shown): (&str, &'static str)| Some((Regex::new(form).ok()?, shown));
    // A test checks that all of them compile.
    FORMS.into_iter().filter_map(compile).collect()
});

/// Redacts a line of the console, `ERROR: [031]: text`; `None` if it does not start with a level.
pub(crate) fn line(line: &str) -> Option<String> {
    let level = ["ERROR:", "WARN:"].into_iter().find(|level| line.starts_with(level))?;
    let rest = line[level.len()..].trim();
    let (code, message) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
        Some((code, message)) if is_code(code) => (format!("[{code}]: "), message),
        _ => (String::new(), rest),
    };
    Some(format!("{level} {code}{}", known(message).unwrap_or_else(|| OMITTED.to_owned())))
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is shown of a message, if its form is known.
fn known(message: &str) -> Option<String> {
    // A process of pgBackRest passes on the error of another one.
    let message = match message.strip_prefix("raised from ").and_then(|rest| rest.split_once(" protocol: ")) {
        Some((_, passed_on)) => passed_on,
        None => message,
    };
    COMPILED.iter().find_map(|(form, shown)| {
        let found = form.captures(message)?;
        let mut text = String::new();
        found.expand(shown, &mut text);
        Some(text.trim_end_matches(':').to_owned())
    })
}

/// Redacts the error text in a document, `[FileOpenError] text` and more lines.
fn message(message: &str) -> String {
    let (class, text) = match message.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((class, text)) if is_class(class) => (format!("[{class}] "), text),
        _ => (String::new(), message),
    };
    let mut lines = text.lines();
    let first = lines.next().and_then(known);
    // The other lines are hints, retries, and causes.
    let causes = lines.filter_map(|line| {
        let (class, cause) = line.trim().split_once(": ")?;
        is_class(class).then(|| known(cause).map(|cause| format!("{class}: {cause}"))).flatten()
    });
    let mut shown: Vec<String> = first.into_iter().chain(causes).collect();
    // The copy of a file often fails with the same error.
    shown.dedup();
    if shown.is_empty() { format!("{class}{OMITTED}") } else { class + &shown.join("; ") }
}

fn is_class(class: &str) -> bool {
    class.ends_with("Error") && class.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Redacts the errors of a stanza and its repositories.
pub(crate) fn stanza(stanza: &Val) -> Val {
    if !has_error(stanza) && !repositories(stanza).iter().any(has_error) {
        return stanza.clone();
    }
    let repositories: Val = repositories(stanza).iter().map(redacted).collect();
    let stanza = redacted(stanza);
    if member(&stanza, "repo").is_some() { with(&stanza, [("repo", repositories)]) } else { stanza }
}

fn repositories(stanza: &Val) -> &[Val] {
    member(stanza, "repo").map(elements).unwrap_or_default()
}

fn has_error(object: &Val) -> bool {
    let code = member(object, "status").and_then(|status| member(status, "code")).map(ToString::to_string);
    code.as_deref() == Some(ERROR_CODE)
}

fn redacted(object: &Val) -> Val {
    let status = member(object, "status").filter(|_| has_error(object));
    match status.and_then(|status| Some((status, text(status, "message")?))) {
        // In a stanza, "other" refers to its repositories.
        None => object.clone(),
        Some((_, error)) if error == "other" => object.clone(),
        Some((status, error)) => with(object, [("status", with(status, [("message", string(&message(&error)))]))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiles_every_form() {
        assert_eq!(COMPILED.len(), FORMS.len());
    }

    #[test]
    fn omits_quotations_of_lines() {
        for (printed, shown) in [
            (
                "ERROR: [029]: missing '=' in key/value at line 7: repo1-cipher-pass s3cr3t",
                "ERROR: [029]: missing '=' in key/value at line 7",
            ),
            ("ERROR: [029]: key is zero-length at line 6: =s3cr3t", "ERROR: [029]: key is zero-length at line 6"),
            (
                "ERROR: [029]: ini section should end with ] at line 6: [s3cr3t",
                "ERROR: [029]: ini section should end with ] at line 6",
            ),
            (
                "WARN: configuration file contains invalid option 's3cr3t'",
                "WARN: configuration file contains an invalid option",
            ),
            (
                "WARN: environment contains invalid negate option 's3cr3t'",
                "WARN: environment contains an invalid negate option",
            ),
            (
                "WARN: configuration file contains command-line only option 'online'",
                "WARN: configuration file contains command-line only option online",
            ),
            (
                "ERROR: [032]: 's3cr3t' is not allowed for 'repo1-cipher-type' option",
                "ERROR: [032]: a value is not allowed for option repo1-cipher-type",
            ),
            (
                "ERROR: [032]: 's' is not valid for 's3cr3t' is not valid for 'buffer-size' option",
                "ERROR: [032]: a value is not valid for option buffer-size",
            ),
            (
                "ERROR: [032]: section 's3cr3t', key 'repo1-cipher-pass' must have a value",
                "ERROR: [032]: option repo1-cipher-pass must have a value",
            ),
            (
                "ERROR: [031]: option 'repo1-cipher-pass' cannot be set multiple times",
                "ERROR: [031]: option repo1-cipher-pass cannot be set multiple times",
            ),
            ("ERROR: [031]: invalid option '--repo1-s3cr3t=x'", "ERROR: [031]: invalid option on the command line"),
            (
                "ERROR: [037]: info command requires option: repo1-s3-region",
                "ERROR: [037]: info command requires option: repo1-s3-region",
            ),
            (
                "ERROR: [041]: unable to open file '/s3cr3t' for read: [13] Permission denied",
                "ERROR: [041]: unable to open file for read: [13] Permission denied",
            ),
            (
                "ERROR: [029]: raised from local-1 protocol: zlib threw error: [-3] data error",
                "ERROR: [029]: zlib threw error: [-3] data error",
            ),
            (
                "ERROR: [055]: raised from remote-0 ssh protocol on 's3cr3t': unable to open missing file '/s3cr3t' for read",
                "ERROR: [055]: text omitted because it may quote the configuration (run pgbackrest info to see it)",
            ),
            (
                "ERROR: [055]: raised from local-1 protocol: unable to open missing file '/s3cr3t' for read",
                "ERROR: [055]: unable to open missing file for read",
            ),
            (
                "ERROR: [073]: unable to list file info for missing path '/a' s3cr3t/x'",
                "ERROR: [073]: unable to list file info for missing path",
            ),
        ] {
            assert_eq!(line(printed).as_deref(), Some(shown), "{printed}");
        }
        for printed in
            ["ERROR: [099]: s3cr3t", "ERROR: [s3cr3t]: unknown", "WARN: s3cr3t", "ERROR: s3cr3t: unable to find"]
        {
            let shown = line(printed).unwrap();
            assert!(shown.ends_with(OMITTED) && !shown.contains("s3cr3t"), "{shown}");
        }
        assert_eq!(line("HINT: s3cr3t"), None);
    }

    #[test]
    fn omits_quotations_of_stanza_errors() {
        for (printed, shown) in [
            ("[FormatError] invalid URL 'https://a:s3cr3t@h'", "[FormatError] invalid URL"),
            (
                "[HostConnectError] unable to get address for 's3cr3t': [-2] Name or service not known\\n    [HostConnectError] on 2 retries from 1-2ms: unable to get address for 's3cr3t': [-2] Name",
                "[HostConnectError] unable to get address for: [-2] Name or service not known",
            ),
            (
                "[FileOpenError] unable to load info file '/a' or '/b':\\nCryptoError: cipher header invalid\\nHINT: is or was the repo encrypted?\\nFormatError: s3cr3t",
                "[FileOpenError] unable to load info file; CryptoError: cipher header invalid",
            ),
            (
                "[ProtocolError] s3cr3t",
                "[ProtocolError] text omitted because it may quote the configuration (run pgbackrest info to see it)",
            ),
            ("other", "other"),
        ] {
            let text = format!(
                r#"{{"name":"a","status":{{"code":99,"message":"other"}},"repo":[{{"key":1,"status":{{"code":99,"message":"{printed}"}}}}]}}"#
            );
            let stanza = stanza(&serde_json::from_str(&text).unwrap());
            let repository = &repositories(&stanza)[0];
            assert_eq!(
                super::text(member(repository, "status").unwrap(), "message").as_deref(),
                Some(shown),
                "{printed}"
            );
        }
    }

    #[test]
    fn keeps_stanza_without_errors() {
        let text = r#"{"name":"a","status":{"code":2,"message":"no valid backups"},"repo":[{"status":{"code":0,"message":"ok"}}]}"#;
        let before: Val = serde_json::from_str(text).unwrap();
        assert_eq!(stanza(&before), before);
    }
}
