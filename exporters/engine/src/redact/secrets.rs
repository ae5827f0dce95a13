//! Passwords and other secrets of connection strings, in any text.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Patterns and replacements. A truncated text has no closing quote.
const RULES: [(&str, &str); 4] = [
    // PASSWORD 'x' in a statement, also with an escaped line break.
    (r"(?is)(password(?:\s|\\[nrt])+(?:[eu]&?)?)'(?:''|\\.|[^'\\])*(?:'|$)", "${1}'***'"),
    (r"(?is)(password(?:\s|\\[nrt])+)\$\w*\$.*", "${1}'***'"),
    // password=x of a connection string, which may itself stand in quotes; and libpq's other secrets.
    (
        r#"(?is)((?:password|oauth_client_secret|scram_(?:client|server)_key)\s*=\s*)(?:''(?:\\''|\\.|[^'\\])*(?:''|$)|'(?:\\.|''|[^'\\])*(?:'|$)|[^\s'"]+)"#,
        "${1}***",
    ),
    // The password of a URL, up to the last @ before the path.
    (r#"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@'"]*:)[^\s/?#'"]+@"#, "${1}***@"),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let compile = |(rule, replacement): (&str, &'static str)| Some((Regex::new(rule).ok()?, replacement));
    // A test checks that each is a valid regular expression.
    RULES.into_iter().filter_map(compile).collect()
});

/// The text with `***` for the passwords in statements, connection strings and URLs.
///
/// It does not recognise others, such as an argument of a function.
pub(crate) fn secrets(text: &str) -> Cow<'_, str> {
    // Most texts are names: without one of these characters no rule can match.
    if !text.contains(['=', '\'', '$', '@']) {
        return Cow::Borrowed(text);
    }
    COMPILED.iter().fold(Cow::Borrowed(text), |text, (rule, replacement)| match rule.replace_all(&text, *replacement) {
        Cow::Borrowed(_) => text,
        Cow::Owned(replaced) => Cow::Owned(replaced),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
    }

    #[test]
    fn passwords_are_replaced_as_in_logs() {
        let cases: Vec<(String, String)> =
            serde_json::from_str(include_str!("../../../../tests/redaction.json")).unwrap();
        assert!(cases.len() > 20);
        for (written, shown) in cases {
            assert_eq!(secrets(&written), shown, "{written}");
        }
    }
}
