//! What is passed on of pgBackRest's errors and warnings: known sentences, without what they quote.
//!
//! pgBackRest quotes its configuration: a line that it cannot read, the name of an option that it does not know, a value that
//! it does not take, a URL. Any of them may be a password or a part of one, and no pattern tells which. So a sentence passes
//! only in a form that is listed here, and of a quotation only the names of options that pgBackRest itself knows, line
//! numbers and codes are kept. Of every other sentence the code or the class of the error is left.

use std::sync::LazyLock;

use jaq_json::Val;
use regex::Regex;

use crate::backups::{text, with};
use crate::snapshot::{elements, member, string};

/// In place of a sentence that is not known.
pub(crate) const LEFT_OUT: &str = "text left out, since it may quote the configuration: run pgbackrest info to see it";

/// The status code of a stanza or repository whose message is the text of an error.
const OTHER: &str = "99";

/// Forms of sentences and what is shown of them. A quotation goes on to the last quote, since it may hold others.
const FORMS: [(&str, &str); 19] = [
    // Lines of a file.
    (r"^(missing '=' in key/value at line \d+|key/value found outside of section at line \d+)\b", "$1"),
    (r"^(ini section should end with \] at line \d+|key is zero-length at line \d+)\b", "$1"),
    // Names that pgBackRest does not know, and the section of one that it does.
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
    // Options that it knows.
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
    // Files, hosts and what answers there.
    (r"(?s)^(unable to [a-z ]+?) '.*'((?: for [a-z]+)?(?:: \[-?\d+\] [A-Za-z][A-Za-z ,-]*)?:?)$", "$1$2"),
    (r"^(HTTP request failed with \d{3})\b", "$1"),
    (r"^invalid URL '", "invalid URL"),
    (r"(?s)^(?:remote-\d+|local-\d+) process on '.*' (terminated unexpectedly \[\d+\])", "process on another host $1"),
    // What was read.
    (r"^(cipher header invalid|expected format \d+ but found \d+)$", "$1"),
    (r"^(unable to find a valid repository|unable to flush)\b", "$1"),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let compile = |(form, shown): (&str, &'static str)| Some((Regex::new(form).ok()?, shown));
    // A test sees to it that each of them is a regular expression.
    FORMS.into_iter().filter_map(compile).collect()
});

/// A line of the console, `ERROR: [031]: text`, as it is shown; `None` if it does not begin with a level.
pub(crate) fn line(line: &str) -> Option<String> {
    let level = ["ERROR:", "WARN:"].into_iter().find(|level| line.starts_with(level))?;
    let rest = line[level.len()..].trim();
    let (code, sentence) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
        Some((code, sentence)) if is_code(code) => (format!("[{code}]: "), sentence),
        _ => (String::new(), rest),
    };
    Some(format!("{level} {code}{}", known(sentence).unwrap_or_else(|| LEFT_OUT.to_owned())))
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is shown of a sentence, if its form is known.
fn known(sentence: &str) -> Option<String> {
    COMPILED.iter().find_map(|(form, shown)| {
        let found = form.captures(sentence)?;
        let mut text = String::new();
        found.expand(shown, &mut text);
        Some(text.trim_end_matches(':').to_owned())
    })
}

/// The text of an error in a document, `[FileOpenError] text` in some lines, as it is shown.
fn message(message: &str) -> String {
    let (class, text) = match message.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((class, text)) if is_class(class) => (format!("[{class}] "), text),
        _ => (String::new(), message),
    };
    let mut lines = text.lines();
    let first = lines.next().and_then(known);
    // What follows are hints, other tries, and the errors that led to this one.
    let causes = lines.filter_map(|line| {
        let (class, sentence) = line.trim().split_once(": ")?;
        is_class(class).then(|| known(sentence).map(|sentence| format!("{class}: {sentence}"))).flatten()
    });
    let mut shown: Vec<String> = first.into_iter().chain(causes).collect();
    // The copy of a file often has the same error.
    shown.dedup();
    if shown.is_empty() { format!("{class}{LEFT_OUT}") } else { class + &shown.join("; ") }
}

fn is_class(class: &str) -> bool {
    class.ends_with("Error") && class.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The stanzas of a document with their errors, and those of their repositories, as they are shown.
pub(crate) fn document(document: Val) -> Val {
    if !elements(&document).iter().any(|stanza| has_error(stanza) || repositories(stanza).iter().any(has_error)) {
        return document;
    }
    elements(&document).iter().map(stanza).collect()
}

fn stanza(stanza: &Val) -> Val {
    let repositories: Val = repositories(stanza).iter().map(without_quotes).collect();
    let stanza = without_quotes(stanza);
    if member(&stanza, "repo").is_some() { with(&stanza, [("repo", repositories)]) } else { stanza }
}

fn repositories(stanza: &Val) -> &[Val] {
    member(stanza, "repo").map(elements).unwrap_or_default()
}

fn has_error(object: &Val) -> bool {
    let code = member(object, "status").and_then(|status| member(status, "code")).map(ToString::to_string);
    code.as_deref() == Some(OTHER)
}

fn without_quotes(object: &Val) -> Val {
    let status = member(object, "status").filter(|_| has_error(object));
    match status.and_then(|status| Some((status, text(status, "message")?))) {
        // Of a stanza: one of its repositories tells more.
        None => object.clone(),
        Some((_, told)) if told == "other" => object.clone(),
        Some((status, told)) => with(object, [("status", with(status, [("message", string(&message(&told)))]))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles() {
        assert_eq!(COMPILED.len(), FORMS.len());
    }

    #[test]
    fn lines_are_shown_without_what_they_quote() {
        for (said, shown) in [
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
                "ERROR: [073]: unable to list file info for missing path '/a' s3cr3t/x'",
                "ERROR: [073]: unable to list file info for missing path",
            ),
        ] {
            assert_eq!(line(said).as_deref(), Some(shown), "{said}");
        }
        for said in
            ["ERROR: [099]: s3cr3t", "ERROR: [s3cr3t]: unknown", "WARN: s3cr3t", "ERROR: s3cr3t: unable to find"]
        {
            let shown = line(said).unwrap();
            assert!(shown.ends_with(LEFT_OUT) && !shown.contains("s3cr3t"), "{shown}");
        }
        assert_eq!(line("HINT: s3cr3t"), None);
    }

    #[test]
    fn errors_of_a_document_are_shown_without_what_they_quote() {
        for (said, shown) in [
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
                "[ProtocolError] text left out, since it may quote the configuration: run pgbackrest info to see it",
            ),
            ("other", "other"),
        ] {
            let text = format!(
                r#"[{{"name":"a","status":{{"code":99,"message":"other"}},"repo":[{{"key":1,"status":{{"code":99,"message":"{said}"}}}}]}}]"#
            );
            let document = document(serde_json::from_str(&text).unwrap());
            let repository = &repositories(&elements(&document)[0])[0];
            assert_eq!(super::text(member(repository, "status").unwrap(), "message").as_deref(), Some(shown), "{said}");
        }
    }

    #[test]
    fn a_document_without_errors_stays_as_it_is() {
        let text = r#"[{"name":"a","status":{"code":2,"message":"no valid backups"},"repo":[{"status":{"code":0,"message":"ok"}}]}]"#;
        let before: Val = serde_json::from_str(text).unwrap();
        assert_eq!(document(before.clone()), before);
    }
}
