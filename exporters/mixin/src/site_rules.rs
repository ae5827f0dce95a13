//! A site's rules: the sources with the site's changes.

use std::collections::BTreeMap;

use crate::error::MixinError;
use crate::expression::{self, Selected};
use crate::rename::Renames;
use crate::rule::{Group, Kind, Rule, RuleFile};
use crate::site::{AlertChange, Labels, SeverityChange, Site};
use crate::source::{AlertFile, AlertSource, Record, SeveritySource, Source, Sources};

/// The severities that an alert may be given, and the label `level` of each.
const LEVELS: [(&str, &str); 4] = [("critical", "0"), ("warning", "1"), ("info", "2"), ("none", "3")];

/// Makes the rules of a site.
///
/// # Errors
/// Everything in the site's file that names nothing, all at once; or what is wrong with a source.
pub fn site_rules(sources: &Sources, site: &Site) -> Result<Vec<RuleFile>, MixinError> {
    let faults = faults(sources, site);
    if !faults.is_empty() {
        return Err(MixinError::Site(faults));
    }
    let writer = Writer { site, renames: Renames::new(&site.labels) };
    sources
        .iter()
        .map(|(stem, source)| {
            let (about, groups) = match source {
                Source::Alerts(file) => (&file.about, vec![writer.alerts(stem, file)]),
                Source::Records(file) => {
                    let group = |group: &crate::source::RecordGroup| {
                        let rules = group.rules.iter().map(|record| writer.record(record)).collect::<Result<_, _>>();
                        rules.map(|rules| Group { name: group.name.clone(), rules })
                    };
                    (&file.about, file.groups.iter().map(group).collect())
                }
            };
            let groups = groups.into_iter().collect::<Result<Vec<_>, String>>();
            let groups = groups.map_err(|error| MixinError::Source { name: format!("{stem}.yml"), error })?;
            Ok(RuleFile { stem: stem.clone(), about: about.clone(), groups })
        })
        .collect()
}

/// What a site's file names that does not exist.
fn faults(sources: &Sources, site: &Site) -> Vec<String> {
    let mut faults = Vec::new();
    let known = alerts(sources);
    if let Err(error) = expression::select("up", &site.select, Selected::All) {
        faults.push(format!("select: {error}"));
    }
    for (name, change) in &site.alerts {
        let Some(alert) = known.get(name.as_str()) else {
            faults.push(format!("alerts.{name}: there is no such alert; --list prints all of them"));
            continue;
        };
        if let Some(Err(error)) = change.select.as_deref().map(|select| expression::select("up", select, Selected::All))
        {
            faults.push(format!("alerts.{name}.select: {error}"));
        }
        for (severity, change) in &change.severities {
            let place = format!("alerts.{name}.{severity}");
            match alert.severities().find(|(known, _)| known == severity) {
                None => {
                    let known: Vec<_> = alert.severities().map(|(severity, _)| severity).collect();
                    faults.push(format!(
                        "{place}: expected enabled, select, or a severity of this alert: {}",
                        known.join(", ")
                    ));
                }
                Some((_, source)) => faults.extend(severity_faults(&place, source, change)),
            }
        }
    }
    faults
}

fn severity_faults(place: &str, source: &SeveritySource, change: &SeverityChange) -> Vec<String> {
    let mut faults = Vec::new();
    for name in change.parameters.keys().filter(|name| !source.parameters.contains_key(*name)) {
        let known: Vec<_> = ["enabled", "for", "keep_firing_for", "severity"]
            .into_iter()
            .chain(source.parameters.keys().map(String::as_str))
            .collect();
        faults.push(format!("{place}.{name}: no such key: expected one of {}", known.join(", ")));
    }
    if let Some(severity) = change.severity.as_deref().filter(|given| LEVELS.iter().all(|(level, _)| level != given)) {
        faults.push(format!("{place}.severity: {severity}: expected critical, warning, info or none"));
    }
    for (key, value) in [("for", &change.hold), ("keep_firing_for", &change.keep_firing_for)] {
        let is_bad = |value: &&str| *value != "0s" && promql_parser::util::parse_duration(value).is_err();
        if let Some(value) = value.as_deref().filter(is_bad) {
            faults.push(format!("{place}.{key}: {value}: expected a duration such as 5m or 1h30m"));
        }
    }
    faults
}

/// All alerts by name.
pub fn alerts(sources: &Sources) -> BTreeMap<&str, &AlertSource> {
    let files = sources.values().filter_map(|source| match source {
        Source::Alerts(file) => Some(file),
        Source::Records(_) => None,
    });
    files.flat_map(|file| &file.alerts).map(|alert| (alert.alert.as_str(), alert)).collect()
}

struct Writer<'a> {
    site: &'a Site,
    renames: Renames,
}

impl Writer<'_> {
    fn alerts(&self, component: &str, file: &AlertFile) -> Result<Group, String> {
        let mut rules = file.records.iter().map(|record| self.record(record)).collect::<Result<Vec<_>, _>>()?;
        for alert in &file.alerts {
            let unchanged = AlertChange::default();
            let change = self.site.alerts.get(&alert.alert).unwrap_or(&unchanged);
            if change.enabled == Some(false) {
                continue;
            }
            for (severity, source) in alert.severities() {
                let unchanged = SeverityChange::default();
                let of_severity = change.severities.get(severity).unwrap_or(&unchanged);
                if of_severity.enabled != Some(false) {
                    rules.push(self.alert(component, alert, (severity, source), change, of_severity)?);
                }
            }
        }
        Ok(Group { name: component.to_owned(), rules })
    }

    fn alert(
        &self,
        component: &str,
        alert: &AlertSource,
        (severity, source): (&str, &SeveritySource),
        change: &AlertChange,
        of_severity: &SeverityChange,
    ) -> Result<Rule, String> {
        let name = &alert.alert;
        let mut parameters = source.parameters.clone();
        parameters.extend(of_severity.parameters.clone());
        let condition = source.expr.as_ref().unwrap_or(&alert.expr).trim();
        let fill = |text: &str| expression::fill(text, &parameters).map_err(|error| format!("{name}: {error}"));
        let given = of_severity.severity.as_deref().unwrap_or(severity);
        let condition = expression::overridable(condition, name, given, "cls");
        let condition = self.renames.apply(&fill(&condition)?);
        let condition = expression::select(&condition, &self.site.select, Selected::Scraped)?;
        let condition = expression::select(&condition, change.select.as_deref().unwrap_or_default(), Selected::All)?;
        let level = LEVELS.iter().find(|(level, _)| *level == given).map_or("3", |(_, level)| level);
        let labels = [("severity", given), ("level", level), ("component", component)];
        let mut annotations = vec![
            ("summary", self.renames.apply(&fill(&alert.summary)?)),
            ("description", self.renames.apply(&fill(&alert.description)?)),
            ("runbook_url", format!("{}/{name}.md", self.site.links.runbooks)),
        ];
        if let Some(base) = &self.site.links.dashboards {
            annotations.push(("dashboard_url", self.dashboard(base, alert.dashboard.as_deref(), component)));
        }
        Ok(Rule {
            kind: Kind::Alert {
                name: name.clone(),
                hold: of_severity.hold.clone().or_else(|| source.hold.clone()).filter(|hold| hold != "0s"),
                keep_firing_for: of_severity.keep_firing_for.clone().or_else(|| source.keep_firing_for.clone()),
                annotations,
            },
            expr: condition,
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        })
    }

    /// The dashboard with the cluster and the server of the alert selected.
    fn dashboard(&self, base: &str, given: Option<&str>, component: &str) -> String {
        let page = given.unwrap_or(match component {
            "etcd" => "pg-suite-etcd",
            "exporter" => "pg-suite-exporter",
            "haproxy" => "pg-suite-proxy",
            "logs" => "pg-suite-serverlog",
            "patroni" => "pg-suite-ha",
            "pgbackrest" => "pg-suite-backup",
            "pgbouncer" => "pg-suite-pgbouncer",
            "replication" => "pg-suite-replication",
            "services" => "pg-suite-ha",
            "vector" => "pg-suite-logs",
            _ => "pg-suite-instance",
        });
        let prefix = &self.site.dashboards.uid_prefix;
        let Labels { cluster, server, .. } = &self.site.labels;
        format!(
            "{base}/d/{prefix}{page}?var-{cluster}={{{{ $labels.{cluster} | urlquery }}}}&var-{server}={{{{ $labels.{server} | urlquery }}}}"
        )
    }

    fn record(&self, record: &Record) -> Result<Rule, String> {
        let expr = self.renames.apply(record.expr.trim());
        Ok(Rule {
            kind: Kind::Record(record.record.clone()),
            expr: expression::select(&expr, &self.site.select, Selected::Scraped)?,
            labels: record.labels.clone(),
        })
    }
}
