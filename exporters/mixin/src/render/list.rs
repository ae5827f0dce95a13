//! The page of all alerts.

use crate::error::MixinError;
use crate::expression::fill;
use crate::source::{AlertSource, Source, Sources};

/// A Markdown page with a table for each file of alerts.
///
/// # Errors
/// A parameter in a source has no value.
pub fn list(sources: &Sources) -> Result<String, MixinError> {
    let mut page = "# Alerts\n\nEvery alert with its default condition. `pg-exporter mixin --defaults` prints all values\nthat a site \
                    may change.\n"
        .to_owned();
    for (stem, source) in sources {
        let Source::Alerts(file) = source else { continue };
        page.push_str(&format!(
            "\n## {stem}\n\n{}\n| alert | severity | for | condition |\n|---|---|---|---|\n",
            wrapped(&file.about)
        ));
        for alert in &file.alerts {
            let rows = rows(alert).map_err(|error| MixinError::Source { name: format!("{stem}.yml"), error })?;
            page.push_str(&rows);
        }
    }
    Ok(page)
}

/// The text in lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let (mut lines, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        let wide = word.chars().count();
        if length > 0 && length + 1 + wide > 100 {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += wide;
    }
    lines + "\n"
}

fn rows(alert: &AlertSource) -> Result<String, String> {
    let mut rows = String::new();
    for (severity, source) in alert.severities() {
        let condition = fill(source.expr.as_ref().unwrap_or(&alert.expr), &source.parameters)?;
        let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let name = &alert.alert;
        let hold = source.hold.as_deref().unwrap_or("0s");
        rows.push_str(&format!("| [{name}](../runbooks/{name}.md) | {severity} | {hold} | `{condition}` |\n"));
    }
    Ok(rows)
}
