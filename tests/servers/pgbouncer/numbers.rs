//! Every number is the console's own.

use std::collections::BTreeMap;

use lab::{BouncerRelease, PgBouncer};
use support::{Page, scrape};

use super::{exporter, on_every_release};

/// How the rows of one command are found on the page.
struct Command {
    text: &'static str,
    /// What the families begin with.
    prefix: &'static str,
    /// Columns that are labels, and the names of these.
    labels: &'static [(&'static str, &'static str)],
    /// Columns whose family has another name than the column.
    renamed: &'static [(&'static str, &'static str)],
    /// Columns that are not on the page as numbers.
    left_out: &'static [&'static str],
    /// Endings of columns that count microseconds.
    microseconds: &'static [&'static str],
}

/// The rows of these stay as they are between two looks, while nothing happens; those of the console do not.
const COMMANDS: &[Command] = &[
    Command {
        text: "SHOW LISTS",
        prefix: "pgbouncer_list",
        labels: &[("list", "list")],
        renamed: &[],
        left_out: &[],
        microseconds: &[],
    },
    Command {
        text: "SHOW DATABASES",
        prefix: "pgbouncer_database",
        labels: &[("name", "datname"), ("host", "host"), ("port", "port"), ("database", "real_datname")],
        renamed: &[("reserve_pool_size", "reserve_pool")],
        left_out: &["force_user", "pool_mode", "load_balance_hosts"],
        microseconds: &[],
    },
    Command {
        text: "SHOW STATS",
        prefix: "pgbouncer_stat",
        labels: &[("database", "datname")],
        renamed: &[
            ("total_client_login_count", "client_logins_total"),
            ("avg_client_login_count", "avg_client_logins"),
        ],
        left_out: &[],
        microseconds: &["_time"],
    },
    Command {
        text: "SHOW POOLS",
        prefix: "pgbouncer_pool",
        labels: &[
            ("database", "datname"),
            ("user", "user"),
            ("pool_mode", "pool_mode"),
            ("load_balance_hosts", "load_balance_hosts"),
        ],
        renamed: &[
            ("cl_active", "active_clients"),
            ("cl_waiting", "waiting_clients"),
            ("cl_active_cancel_req", "active_cancel_clients"),
            ("cl_waiting_cancel_req", "cancel_clients"),
            ("sv_active", "active_servers"),
            ("sv_active_cancel", "active_cancel_servers"),
            ("sv_being_canceled", "cancel_servers"),
            ("sv_idle", "idle_servers"),
            ("sv_used", "used_servers"),
            ("sv_tested", "tested_servers"),
            ("sv_login", "login_servers"),
        ],
        left_out: &[],
        microseconds: &[],
    },
    Command {
        text: "SHOW USERS",
        prefix: "pgbouncer_user",
        labels: &[("name", "user")],
        renamed: &[
            ("max_user_connections", "max_connections"),
            ("max_user_client_connections", "max_client_connections"),
        ],
        left_out: &["pool_mode"],
        microseconds: &[],
    },
    Command {
        text: "SHOW MEM",
        prefix: "pgbouncer_mem",
        labels: &[("name", "name")],
        renamed: &[("size", "size_bytes"), ("used", "used_objects"), ("free", "free_objects"), ("memtotal", "bytes")],
        left_out: &[],
        microseconds: &[],
    },
    Command {
        text: "SHOW PEERS",
        prefix: "pgbouncer_peer",
        labels: &[("peer_id", "peer_id"), ("host", "host"), ("port", "port")],
        renamed: &[],
        left_out: &[],
        microseconds: &[],
    },
];

/// One sample: family, labels, value.
type Expected = (String, BTreeMap<String, String>, f64);

impl Command {
    /// What the page has to show for the console's answer, each column of every row.
    fn samples(&self, answer: &[Vec<String>]) -> Vec<Expected> {
        let Some((columns, rows)) = answer.split_first() else { return Vec::new() };
        let find = |list: &[(&str, &'static str)], column: &str| {
            list.iter().find(|(name, _)| *name == column).map(|(_, found)| *found)
        };
        let mut samples = Vec::new();
        for row in rows {
            let cells = || columns.iter().zip(row);
            let labels: BTreeMap<String, String> = cells()
                .filter_map(|(column, cell)| Some((find(self.labels, column)?.to_owned(), cell.clone())))
                .collect();
            for (column, cell) in cells().filter(|(column, _)| find(self.labels, column).is_none()) {
                if self.left_out.contains(&&**column) || cell.trim().is_empty() {
                    continue;
                }
                let scale = if self.microseconds.iter().any(|end| column.ends_with(end)) { 1e-6 } else { 1.0 };
                let family = format!("{}_{}", self.prefix, find(self.renamed, column).unwrap_or(column));
                samples.push((family, labels.clone(), cell.trim().parse::<f64>().unwrap() * scale));
            }
        }
        samples
    }
}

/// The answer of the console, the names of the columns first; none if this release does not know the command.
fn ask(pooler: &PgBouncer, command: &str) -> Vec<Vec<String>> {
    let mut psql = pooler.bin("psql", "monitor", "pgbouncer");
    let output = psql.args(["-X", "-A", "-P", "footer=off", "-F", "\t", "-c", command]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// All that the page has to show now.
fn expected(pooler: &PgBouncer) -> Vec<Expected> {
    COMMANDS.iter().flat_map(|command| command.samples(&ask(pooler, command.text))).collect()
}

/// What differs between the page and the console's answers before and after it, between which an average may sink.
/// What the console's own sessions change is left out.
fn differences(before: &[Expected], page: &Page, after: &[Expected]) -> Vec<String> {
    let is_own = |labels: &BTreeMap<String, String>| {
        let own = ["pgbouncer", "monitor", "used_clients", "free_clients", "login_clients"];
        ["datname", "user", "list"].iter().any(|label| labels.get(*label).is_some_and(|text| own.contains(&&**text)))
            || labels.get("name").is_some_and(|name| name.ends_with("_cache"))
    };
    let differs = |((family, labels, before), (_, _, after)): (&Expected, &Expected)| {
        let pairs: Vec<(&str, &str)> = labels.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let found = page.value(family, &pairs);
        let range = before.min(*after) - 1e-9..=before.max(*after) + 1e-9;
        let fits = found.is_some_and(|found| range.contains(&found));
        (!fits && !is_own(labels))
            .then(|| format!("{family}{pairs:?}: {range:?} on the console, {found:?} on the page"))
    };
    before.iter().zip(after).filter_map(differs).collect()
}

#[test]
fn every_number_of_every_row_is_the_consoles() {
    on_every_release(|release, server| {
        let mut pooler = PgBouncer::builder(release).database("app", server, "pool_size=3 reserve_pool=1").database(
            "other",
            server,
            "pool_mode=session max_db_connections=9",
        );
        if release > BouncerRelease::V1_18 {
            let peer = "2 = host=/tmp/none port=6432 pool_size=4";
            pooler = pooler.user_line("postgres = pool_size=7").setting("peer_id", "1").peer(peer);
        }
        let pooler = pooler.start().unwrap();
        for database in ["app", "other"] {
            pooler.psql("app", database, "create temp table t as select 1; select 2").unwrap();
        }
        let exporter = exporter(&pooler, &[]);
        let before = expected(&pooler);
        let page = scrape(&exporter);
        let after = expected(&pooler);
        assert!(before.len() > 100, "{release}: {}", before.len());
        let names = |samples: &[Expected]| samples.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&before), names(&after), "{release}");
        let differences = differences(&before, &page, &after);
        assert!(differences.is_empty(), "{release}: {differences:#?}");
    });
}

#[test]
fn settings_and_state_are_the_consoles() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release)
            .database("app", server, "")
            .setting("max_client_conn", "321")
            .setting("query_wait_timeout", "7.5")
            .setting("reserve_pool_timeout", "3")
            .start()
            .unwrap();
        let exporter = exporter(&pooler, &[]);
        let page = scrape(&exporter);
        for row in ask(&pooler, "SHOW CONFIG").iter().skip(1) {
            let found = ["", "_seconds", "_bytes"]
                .into_iter()
                .find_map(|unit| page.value(&format!("pgbouncer_setting_{}{unit}", row[0]), &[]));
            if let Some(found) = found {
                assert_eq!(found, row[1].parse::<f64>().unwrap(), "{release}: {}", row[0]);
            }
        }
        assert_eq!(page.value("pgbouncer_setting_max_client_conn", &[]), Some(321.0));
        assert_eq!(page.value("pgbouncer_setting_query_wait_timeout_seconds", &[]), Some(7.5));
        let labels = [("pool_mode", "transaction"), ("auth_type", "scram-sha-256"), ("listen_addr", "127.0.0.1")];
        assert_eq!(page.value("pgbouncer_config_info", &labels), Some(1.0), "{release}");

        let paused = |page: &Page| page.value("pgbouncer_state_paused", &[]);
        let is_told = (release > BouncerRelease::V1_18).then_some(1.0);
        assert_eq!(paused(&page), is_told.map(|_| 0.0));
        pooler.console("PAUSE").unwrap();
        assert_eq!(paused(&scrape(&exporter)), is_told);
        pooler.console("RESUME").unwrap();
        assert_eq!(paused(&scrape(&exporter)), is_told.map(|_| 0.0));

        let of = |page: &Page, what: &str| page.value(&format!("pgbouncer_database_{what}"), &[("datname", "app")]);
        pooler.console("DISABLE app").unwrap();
        let page = scrape(&exporter);
        assert_eq!((of(&page, "disabled"), of(&page, "paused")), (Some(1.0), Some(0.0)), "{release}");
        pooler.console("ENABLE app; ").unwrap();
        pooler.console("PAUSE app").unwrap();
        let page = scrape(&exporter);
        assert_eq!((of(&page, "disabled"), of(&page, "paused")), (Some(0.0), Some(1.0)), "{release}");
    });
}

/// Families of the two embedded folders that say the same, the default one first.
const SAME: &[(&str, &str)] = &[
    ("pgbouncer_database_pool_size", "pgbouncer_databases_pool_size"),
    ("pgbouncer_database_reserve_pool", "pgbouncer_databases_reserve_pool"),
    ("pgbouncer_database_current_connections", "pgbouncer_databases_current_connections"),
    ("pgbouncer_stat_total_xact_count", "pgbouncer_stats_totals_sql_transactions_pooled_total"),
    ("pgbouncer_stat_total_query_count", "pgbouncer_stats_totals_queries_pooled_total"),
    ("pgbouncer_stat_total_query_time", "pgbouncer_stats_totals_queries_duration_seconds_total"),
    ("pgbouncer_stat_total_xact_time", "pgbouncer_stats_totals_server_in_transaction_seconds_total"),
    ("pgbouncer_stat_total_wait_time", "pgbouncer_stats_totals_client_wait_seconds_total"),
    ("pgbouncer_stat_total_received", "pgbouncer_stats_totals_received_bytes_total"),
    ("pgbouncer_stat_total_sent", "pgbouncer_stats_totals_sent_bytes_total"),
    ("pgbouncer_pool_active_clients", "pgbouncer_pools_client_active_connections"),
    ("pgbouncer_pool_idle_servers", "pgbouncer_pools_server_idle_connections"),
    ("pgbouncer_setting_max_client_conn", "pgbouncer_config_max_client_connections"),
];

#[test]
fn both_families_have_the_same_numbers() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "reserve_pool=3").start().unwrap();
        pooler.psql("app", "app", "select 1; select 2").unwrap();
        // Keeps its place while both are asked.
        let client = postgres::Client::connect(&pooler.url("app", "app"), postgres::NoTls).unwrap();
        let page = scrape(&exporter(&pooler, &[]));
        let other = scrape(&exporter(&pooler, &["--config", "builtin:pgbouncer_exporter"]));
        let of_app = |page: &Page, name: &str| {
            let of = |label: &str| page.value(name, &[(label, "app")]);
            of("datname").or_else(|| of("database")).or_else(|| of("name")).or_else(|| page.value(name, &[]))
        };
        for (family, same) in SAME {
            let found = of_app(&page, family);
            assert!(found.is_some() && found == of_app(&other, same), "{release}: {family} {found:?}, {same}");
        }
        assert_eq!(
            other.value("pgbouncer_databases", &[]),
            page.value("pgbouncer_list_items", &[("list", "databases")])
        );
        let labels = [("database", "app"), ("user", "app")];
        assert_eq!(other.value("pgbouncer_client_connections", &labels), Some(1.0), "{release}");
        drop(client);
    });
}
