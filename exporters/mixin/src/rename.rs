//! Our label names replaced by a site's, in expressions, templates and dashboards.

use crate::site::Labels;

/// The pairs of a default label name and the site's, where they differ.
#[derive(Debug, Clone)]
pub struct Renames(Vec<(String, String)>);

impl Renames {
    /// From the defaults to the site's names.
    #[must_use]
    pub fn new(site: &Labels) -> Self {
        let ours = Labels::default();
        let pairs = [(ours.cluster, &site.cluster), (ours.server, &site.server), (ours.host, &site.host)];
        Self(pairs.into_iter().filter(|(from, to)| from != *to).map(|(from, to)| (from, to.clone())).collect())
    }

    /// The text with each label name replaced that stands alone: not as part of a longer name or of a recording's name.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let mut renamed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_of_name) {
            renamed.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|character| !is_of_name(character)).unwrap_or(rest.len());
            // In Grafana's ${cls:regex} the colon ends the name.
            let end = if renamed.ends_with("${") { rest.find(':').map_or(end, |colon| colon.min(end)) } else { end };
            renamed.push_str(self.name(&rest[..end]));
            rest = &rest[end..];
        }
        renamed + rest
    }

    fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.iter().find(|(from, _)| from == name).map_or(name, |(_, to)| to)
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_labels_but_not_parts_of_names() {
        let plain = Labels { cluster: "job".into(), server: "instance".into(), ..Labels::default() };
        let renames = Renames::new(&plain);
        let given =
            r#"sum by (cls) (pg:cls:size{cls="$cls", ins=~"${ins:regex}", insert="cls_"}) {{ $labels.ins }} var-ins=x"#;
        let expected = r#"sum by (job) (pg:cls:size{job="$job", instance=~"${instance:regex}", insert="cls_"}) {{ $labels.instance }} var-instance=x"#;
        assert_eq!(renames.apply(given), expected);
    }
}
