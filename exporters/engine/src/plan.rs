//! Which collectors run on a server, and why the others do not. Pure: the same facts give the same plan.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::catalog::{Catalog, SqlTexts, text_hash};
use crate::collector::{Collector, quote};
use crate::facts::{LogProgram, Role, ServerFacts, Version, VersionRange};
use crate::qualify::qualify;
use crate::source::Query;

/// What the exporter itself brings to planning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// The product's own tag, as in `pgbouncer`.
    pub product: String,
    /// The tags that `--tag` gives.
    pub tags: BTreeSet<String>,
    /// Whether sampled collectors run.
    pub samples: bool,
}

/// The plan for one database.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub planned: Vec<Planned>,
    /// Collectors left out, as indexes into the catalog.
    pub skipped: Vec<(usize, SkipReason)>,
}

/// One collector that runs.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// Index into the catalog.
    pub collector: usize,
    /// The version that its columns are chosen by.
    pub version: Version,
    pub query: Query,
    pub predicates: Vec<Query>,
    /// What a result depends on: version, role and text of the query, as one number.
    pub fingerprint: u64,
}

/// Why a collector does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SkipReason {
    Skipped,
    Access,
    Rest,
    OtherProduct(String),
    Version(VersionRange),
    MainDatabaseOnly,
    Role(&'static str),
    Database(String),
    User(String),
    Extension(String),
    Schema(String),
    Membership { role: String, user: String },
    TagMissing(String),
    TagPresent(String),
    ExtensionPresent(String),
    SamplingDisabled,
    Log(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped => f.write_str("disabled in its file (skip: true)"),
            Self::Access => f.write_str("reads no database: what the exporter finds by itself (--services)"),
            Self::Rest => f.write_str("reads no database: the REST interface of Patroni (--patroni-url)"),
            Self::OtherProduct(product) => write!(f, "requires {product}"),
            Self::Version(range) => write!(f, "requires versions {range}"),
            Self::MainDatabaseOnly => f.write_str("runs once per server, in the main database (tag cluster)"),
            Self::Role(role) => write!(f, "requires a {role}"),
            Self::Database(name) => write!(f, "requires the database {name}"),
            Self::User(name) => write!(f, "requires the user {name}"),
            Self::Extension(name) => {
                write!(f, "requires the extension {name}: CREATE EXTENSION {}", quote(name))
            }
            Self::Schema(name) => write!(f, "requires the schema {name}"),
            Self::Membership { role, user } => {
                write!(f, "would export false values without {role}: GRANT {} TO {}", quote(role), quote(user))
            }
            Self::TagMissing(tag) => write!(f, "requires --tag {tag}"),
            Self::TagPresent(tag) => write!(f, "excluded by --tag {tag}"),
            Self::ExtensionPresent(name) => write!(f, "not needed where the extension {name} is installed"),
            Self::SamplingDisabled => f.write_str("sampling is off (--disable-sampling)"),
            Self::Log(reason) => f.write_str(reason),
        }
    }
}

impl Plan {
    /// Leaves out collectors of logs that are not read, for the reason that `obstacle` gives.
    pub fn without_logs(mut self, catalog: &Catalog, obstacle: impl Fn(LogProgram) -> Option<String>) -> Self {
        let log_of = |planned: &Planned| catalog.collectors[planned.collector].log.as_ref().map(|log| log.program);
        self.planned.retain(|planned| match log_of(planned).and_then(&obstacle) {
            Some(reason) => {
                self.skipped.push((planned.collector, SkipReason::Log(reason)));
                false
            }
            None => true,
        });
        self
    }
}

/// Plans one database: `main` is whether it is the one that the exporter was pointed at.
pub(crate) fn plan(catalog: &Catalog, facts: &ServerFacts, selection: &Selection, main: bool) -> Plan {
    let mut plan = Plan::default();
    for (index, collector) in catalog.collectors.iter().enumerate() {
        match skipped(collector, facts, selection, main) {
            Some(reason) => plan.skipped.push((index, reason)),
            None => {
                let version = version_of_columns(collector, facts);
                let texts = catalog.sql_texts(index, version);
                let query = query_of(collector, &texts.query, facts);
                plan.planned.push(Planned {
                    collector: index,
                    version,
                    predicates: texts.predicates.iter().map(|text| query_of(collector, text, facts)).collect(),
                    fingerprint: fingerprint(&query, &texts, facts),
                    query,
                });
            }
        }
    }
    plan
}

/// The server's version, or that of the extension which the collector names.
pub(crate) fn version_of_columns(collector: &Collector, facts: &ServerFacts) -> Version {
    let Some(extension) = &collector.version_of else { return facts.version };
    facts.extensions.get(extension).map(|extension| extension.version).unwrap_or_default()
}

fn fingerprint(query: &Query, texts: &SqlTexts, facts: &ServerFacts) -> u64 {
    let is_shared = Arc::ptr_eq(&query.text, &texts.query);
    let text = if is_shared { texts.hash } else { text_hash(&query.text) };
    let mut hasher = DefaultHasher::new();
    (facts.version, facts.role, text).hash(&mut hasher);
    hasher.finish()
}

/// The query for one database; a text that is the same in all of them is shared.
fn query_of(collector: &Collector, text: &Arc<str>, facts: &ServerFacts) -> Query {
    let mut text = with_schemas(text, facts).map_or_else(|| text.clone(), Arc::from);
    let extensions = collector.tags.iter().filter_map(|tag| tag.strip_prefix("extension:"));
    for (name, extension) in extensions.filter_map(|name| Some((name, facts.extensions.get(name)?))) {
        text = qualify(&text, name, &extension.schema).into();
    }
    let search_path = collector.search_path.clone();
    Query { collector: collector.key.clone(), text, values: None, search_path, timeout: collector.timeout }
}

/// Replaces `@extschema:name@`, PostgreSQL's own notation for the schema that an extension lives in; `None` without one.
pub(crate) fn with_schemas(text: &str, facts: &ServerFacts) -> Option<String> {
    find_mark(text)?;
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, name, end)) = find_mark(rest) {
        filled.push_str(&rest[..start]);
        filled
            .push_str(&facts.extensions.get(&name).map_or_else(|| quote(&name), |extension| quote(&extension.schema)));
        rest = &rest[end..];
    }
    Some(filled + rest)
}

fn find_mark(text: &str) -> Option<(usize, String, usize)> {
    const MARK: &str = "@extschema:";
    let start = text.find(MARK)?;
    let name_at = start + MARK.len();
    let end = name_at + text[name_at..].find('@')?;
    Some((start, text[name_at..end].to_owned(), end + 1))
}

fn skipped(collector: &Collector, facts: &ServerFacts, selection: &Selection, main: bool) -> Option<SkipReason> {
    if collector.skip {
        return Some(SkipReason::Skipped);
    }
    if collector.access.is_some() {
        return Some(SkipReason::Access);
    }
    if collector.rest.is_some() {
        return Some(SkipReason::Rest);
    }
    let for_bouncer = collector.tags.iter().any(|tag| tag == "pgbouncer");
    if for_bouncer != (selection.product == "pgbouncer") {
        return Some(SkipReason::OtherProduct(if for_bouncer {
            "PgBouncer".into()
        } else {
            "a database server".into()
        }));
    }
    if !collector.versions.contains(facts.version) {
        return Some(SkipReason::Version(collector.versions));
    }
    if collector.sample.is_some() && !selection.samples {
        return Some(SkipReason::SamplingDisabled);
    }
    if collector.log.is_some() && !main {
        return Some(SkipReason::MainDatabaseOnly);
    }
    collector.tags.iter().find_map(|tag| unmet(tag, facts, selection, main))
}

fn unmet(tag: &str, facts: &ServerFacts, selection: &Selection, main: bool) -> Option<SkipReason> {
    let (holds, reason) = match tag.split_once(':') {
        Some(("dbname", name)) => (facts.database == name, SkipReason::Database(name.into())),
        Some(("username", name)) => (facts.user == name, SkipReason::User(name.into())),
        Some(("extension", name)) => (facts.extensions.contains_key(name), SkipReason::Extension(name.into())),
        Some(("schema", name)) => (facts.schemas.contains(name), SkipReason::Schema(name.into())),
        Some(("member", role)) => (
            facts.roles.as_ref().is_none_or(|roles| roles.contains(role)),
            SkipReason::Membership { role: role.into(), user: facts.user.clone() },
        ),
        Some(("not", name)) if name.starts_with("extension:") => {
            let name = &name["extension:".len()..];
            (!facts.extensions.contains_key(name), SkipReason::ExtensionPresent(name.into()))
        }
        Some(("not", name)) => (!selection.tags.contains(name), SkipReason::TagPresent(name.into())),
        _ => match tag {
            "pgbouncer" => (true, SkipReason::Skipped),
            "cluster" => (main, SkipReason::MainDatabaseOnly),
            "primary" | "master" | "leader" => (facts.role == Role::Primary, SkipReason::Role("primary")),
            "standby" | "replica" | "slave" => (facts.role == Role::Standby, SkipReason::Role("standby")),
            other => (selection.tags.contains(other), SkipReason::TagMissing(other.into())),
        },
    };
    (!holds).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{EmbeddedFolder, Origin};
    use crate::facts::Extension;
    use crate::tiers::Tiers;

    fn catalog(branches: &[(&str, &str)]) -> Catalog {
        let text: String = branches
            .iter()
            .map(|(name, rest)| format!("{name}:\n  query: SELECT 1\n  metrics: [{{ n: {{ usage: GAUGE }} }}]\n{rest}"))
            .collect();
        let files = vec![("test.yml".to_owned(), text)];
        Catalog::load(&Origin::Embedded(EmbeddedFolder { name: "test", files }), &Tiers::default(), &[]).unwrap()
    }

    fn facts() -> ServerFacts {
        let statements = Extension { schema: "odd \"one\"".into(), version: Version(11_000) };
        let extensions = [("pg_stat_statements".to_owned(), statements)].into();
        let (database, user) = ("app".to_owned(), "monitor".to_owned());
        let (schemas, roles) = (["public".to_owned()].into(), Some(["pg_read_all_stats".to_owned()].into()));
        ServerFacts { version: Version(170_004), database, user, roles, extensions, schemas, ..ServerFacts::default() }
    }

    #[test]
    fn each_tag_holds_or_gives_its_reason() {
        let selection = Selection { product: "pg".into(), tags: ["extra".to_owned()].into(), samples: true };
        for (tag, reason) in [
            ("cluster", None),
            ("primary", None),
            ("standby", Some(SkipReason::Role("standby"))),
            ("dbname:app", None),
            ("dbname:App", Some(SkipReason::Database("App".into()))),
            ("username:root", Some(SkipReason::User("root".into()))),
            ("extension:pg_stat_statements", None),
            ("extension:citus", Some(SkipReason::Extension("citus".into()))),
            ("schema:monitor", Some(SkipReason::Schema("monitor".into()))),
            ("extra", None),
            ("other", Some(SkipReason::TagMissing("other".into()))),
            ("not:extra", Some(SkipReason::TagPresent("extra".into()))),
            ("not:other", None),
            ("not:extension:citus", None),
            ("not:extension:pg_stat_statements", Some(SkipReason::ExtensionPresent("pg_stat_statements".into()))),
            ("member:pg_read_all_stats", None),
            (
                "member:pg_read_all_data",
                Some(SkipReason::Membership { role: "pg_read_all_data".into(), user: facts().user }),
            ),
            ("pgbouncer", Some(SkipReason::OtherProduct("PgBouncer".into()))),
        ] {
            let catalog = catalog(&[("x", &format!("  tags: [\"{tag}\"]\n"))]);
            let plan = plan(&catalog, &facts(), &selection, true);
            assert_eq!(plan.skipped.into_iter().map(|(_, reason)| reason).next(), reason, "{tag}");
        }
    }

    #[test]
    fn a_database_beside_the_main_one_leaves_out_what_runs_once_per_server() {
        let catalog = catalog(&[("once", "  tags: [cluster]\n"), ("each", "")]);
        let plan = plan(&catalog, &facts(), &Selection::default(), false);
        assert_eq!(plan.skipped, [(0, SkipReason::MainDatabaseOnly)]);
        assert_eq!(plan.planned.len(), 1);
    }

    #[test]
    fn versions_choose_columns_and_the_schema_of_an_extension_is_filled_in() {
        let text = "pg_x:\n  from: '@extschema:pg_stat_statements@.x'\n  metrics:\n    - old: { usage: GAUGE, max_version: 17 }\n    - new: { usage: GAUGE, min_version: 17, expr: a + b }\n";
        let files = vec![("test.yml".to_owned(), text.to_owned())];
        let origin = Origin::Embedded(EmbeddedFolder { name: "test", files });
        let catalog = Catalog::load(&origin, &Tiers::default(), &[]).unwrap();
        let plan = plan(&catalog, &facts(), &Selection::default(), true);
        assert_eq!(&*plan.planned[0].query.text, "SELECT a + b AS \"new\"\nFROM \"odd \"\"one\"\"\".x");
    }

    #[test]
    fn a_schema_named_like_a_mark_is_a_name() {
        let mut facts = facts();
        let mark = "@extschema:pg_stat_statements@";
        facts.extensions.get_mut("pg_stat_statements").unwrap().schema = mark.into();
        let filled = with_schemas(&format!("{mark}.x, {mark}.y"), &facts);
        assert_eq!(filled, Some(format!("\"{mark}\".x, \"{mark}\".y")));
    }

    #[test]
    fn an_extensions_version_chooses_columns_where_the_collector_says_so() {
        let metrics = "old: { usage: GAUGE, max_version: 1.11 }\n    - new: { usage: GAUGE, min_version: 1.11 }";
        let text = format!("pg_x:\n  from: x\n  version_of: pg_stat_statements\n  metrics:\n    - {metrics}\n");
        let files = vec![("test.yml".to_owned(), text)];
        let origin = Origin::Embedded(EmbeddedFolder { name: "test", files });
        let catalog = Catalog::load(&origin, &Tiers::default(), &[]).unwrap();
        let mut facts = facts();
        for (version, column) in [(11_000, "old"), (11_100, "new"), (11_200, "new")] {
            facts.extensions.get_mut("pg_stat_statements").unwrap().version = Version(version);
            let plan = plan(&catalog, &facts, &Selection::default(), true);
            assert_eq!(&*plan.planned[0].query.text, format!("SELECT \"{column}\"\nFROM x"));
        }
    }
}
