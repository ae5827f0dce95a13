//! When autovacuum comes, and that it was told before.

use super::*;

/// A table that is one row below the point at which autovacuum comes.
struct Case {
    table: &'static str,
    since: Major,
    /// Its storage parameters.
    parameters: &'static str,
    /// Brings it there. Each in a session of its own, whose counts are in when it has ended.
    below: &'static [&'static str],
    /// What is said then: numerator and denominator of the ratio.
    ratio: (&'static str, f64, f64),
    /// Brings it to the point.
    one_more: &'static str,
    /// What autovacuum counts when it has been there.
    comes: &'static str,
}

const CASES: &[Case] = &[
    Case {
        table: "dead",
        since: Major::V14,
        parameters: "autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0.1,
                     autovacuum_vacuum_insert_threshold = -1",
        below: &[
            "insert into dead select generate_series(1, 1000)",
            "vacuum analyze dead",
            "delete from dead where id <= 200",
        ],
        ratio: ("dead", 200.0, 201.0),
        one_more: "delete from dead where id = 201",
        comes: "autovacuum_count",
    },
    Case {
        table: "inserted",
        since: Major::V14,
        parameters: "autovacuum_vacuum_insert_threshold = 100, autovacuum_vacuum_insert_scale_factor = 0",
        below: &["insert into inserted select generate_series(1, 100)"],
        ratio: ("insert", 100.0, 101.0),
        one_more: "insert into inserted values (101)",
        comes: "autovacuum_count",
    },
    // Its number of rows is -1, which counts as 0.
    Case {
        table: "never",
        since: Major::V14,
        parameters: "autovacuum_vacuum_insert_threshold = 10, autovacuum_vacuum_insert_scale_factor = 0.5",
        below: &["insert into never select generate_series(1, 10)"],
        ratio: ("insert", 10.0, 11.0),
        one_more: "insert into never values (11)",
        comes: "autovacuum_count",
    },
    Case {
        table: "changed",
        since: Major::V14,
        parameters: "autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 100,
                     autovacuum_analyze_scale_factor = 0",
        below: &["insert into changed select generate_series(1, 100)"],
        ratio: ("analyze", 100.0, 101.0),
        one_more: "insert into changed values (101)",
        comes: "autoanalyze_count",
    },
    Case {
        table: "capped",
        since: Major::V18,
        parameters: "autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 1,
                     autovacuum_vacuum_max_threshold = 100, autovacuum_vacuum_insert_threshold = -1",
        below: &[
            "insert into capped select generate_series(1, 1000)",
            "vacuum analyze capped",
            "delete from capped where id <= 100",
        ],
        ratio: ("dead", 100.0, 101.0),
        one_more: "delete from capped where id = 101",
        comes: "autovacuum_count",
    },
    // Since 18 only pages that are not frozen count for inserts.
    Case {
        table: THAWED,
        since: Major::V18,
        parameters: "autovacuum_vacuum_insert_threshold = 100, autovacuum_vacuum_insert_scale_factor = 1",
        below: &[
            "insert into thawed select generate_series(1, 1000)",
            "vacuum (freeze, analyze) thawed",
            "insert into thawed select generate_series(1, 100)",
        ],
        ratio: ("insert", 100.0, 101.0),
        one_more: "insert into thawed values (101)",
        comes: "autovacuum_count",
    },
];

/// Made on older versions, too: there its frozen pages count, and autovacuum does not come for 101 rows.
const THAWED: &str = "thawed";

impl Case {
    fn make(&self, server: &Postgres) {
        let analyze = if self.comes == "autoanalyze_count" { "" } else { ", autovacuum_analyze_threshold = 1000000" };
        let create = format!("create table {} (id int) with ({}{analyze})", self.table, self.parameters);
        server.psql("postgres", &create).unwrap();
        for sql in self.below {
            server.psql("postgres", sql).unwrap();
        }
    }
}

/// Tables that are due, or nearly, as the page has them.
fn ratio(exporter: &Exporter, kind: &str, table: &str) -> Option<f64> {
    let page = scrape(exporter);
    let relname = if table.contains('.') { table.to_owned() } else { format!("public.{table}") };
    page.value(&format!("pg_autovacuum_table_{kind}_ratio"), &[("datname", "postgres"), ("relname", &relname)])
}

fn autovacuum(server: &Postgres, state: &str) {
    server.psql("postgres", &format!("alter system set autovacuum = {state}")).unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    let running = "exists (select from pg_stat_activity where backend_type = 'autovacuum launcher')";
    let worker = "exists (select from pg_stat_activity where backend_type = 'autovacuum worker')";
    let settled = if state == "on" { running.to_owned() } else { format!("not {running} and not {worker}") };
    server.wait_for(&format!("select {settled}"), LIMIT).unwrap();
}

/// Returns when the only worker has gone through all tables of the database: what it finds due at its second visit it
/// does after all that was due at the first.
fn worker_has_been_there(server: &Postgres) {
    server
        .psql(
            "postgres",
            "drop table if exists sentinel; create table sentinel (id int)
               with (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0)",
        )
        .unwrap();
    for visits in 1..=2 {
        server.psql("postgres", "insert into sentinel values (1)").unwrap();
        let counted = "pg_stat_get_autoanalyze_count('sentinel'::regclass)";
        server.wait_for(&format!("select {counted} >= {visits}"), LIMIT).unwrap();
    }
}

/// How often autovacuum came to vacuum and to analyze.
fn visits(server: &Postgres, table: &str) -> String {
    let sql = "select autovacuum_count || ' ' || autoanalyze_count from pg_stat_all_tables where relid";
    server.psql("postgres", &format!("{sql} = '{table}'::regclass")).unwrap()
}

#[test]
fn autovacuum_comes_when_it_is_due_and_not_before() {
    std::thread::scope(|scope| {
        for major in Major::ALL {
            scope.spawn(move || due_on(major));
        }
    });
}

fn due_on(major: Major) {
    let settings = Postgres::builder(major).setting("autovacuum_max_workers", "1").setting("autovacuum_naptime", "1s");
    let server = settings.start().unwrap();
    autovacuum(&server, "off");
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let count =
        |name: &str| scrape(&exporter).value(&format!("pg_autovacuum_{name}_tables"), &[("datname", "postgres")]);
    let (cases, later): (Vec<_>, Vec<_>) = CASES.iter().partition(|case| case.since <= major);
    let thawed = later.iter().find(|case| case.table == THAWED);
    cases.iter().chain(&thawed.copied()).for_each(|case| case.make(&server));
    let toast = make_toasted(&server);
    make_disabled(&server);

    // All are below.
    for case in &cases {
        let (kind, rows, point) = case.ratio;
        let expected = Some(rows / point);
        until(&format!("{major}: {} is {expected:?}", case.table), || ratio(&exporter, kind, case.table) == expected);
    }
    until(&format!("{major}: {toast} is below"), || ratio(&exporter, "dead", &toast) == Some(20.0 / 21.0));
    let age = number(&server, "postgres", "select age(relfrozenxid) from pg_class where relname = 'frozen'");
    assert_eq!(ratio(&exporter, "freeze", "frozen"), Some(age / 100_001.0), "{major}");
    assert_eq!(ratio(&exporter, "multixact_freeze", "frozen_mxid"), Some(10_000.0 / 10_001.0), "{major}");
    for kind in ["dead", "insert", "analyze"] {
        assert_eq!(ratio(&exporter, kind, "off"), None, "{major}");
    }
    assert_eq!((count("disabled"), count("freeze_due")), (Some(3.0), Some(0.0)), "{major}");

    // So autovacuum passes by.
    let others = ["toasted", &*toast, "off", "frozen", "frozen_mxid", THAWED];
    let tables: Vec<&str> = cases.iter().map(|case| case.table).chain(others).collect();
    autovacuum(&server, "on");
    worker_has_been_there(&server);
    for table in &tables {
        assert_eq!(visits(&server, table), "0 0", "{major}: {table}");
    }
    autovacuum(&server, "off");

    // One row more, and all are due.
    for case in cases.iter().chain(&thawed.copied()) {
        server.psql("postgres", case.one_more).unwrap();
    }
    server.psql("postgres", "delete from toasted where line < 'L'").unwrap();
    make_old(&server, "relfrozenxid", "'frozen'::regclass", 100_001);
    make_old(&server, "relminmxid", "'frozen_mxid'::regclass", 10_001);
    for case in &cases {
        until(&format!("{major}: {} is due", case.table), || ratio(&exporter, case.ratio.0, case.table) == Some(1.0));
    }
    if thawed.is_some() {
        let expected = Some(101.0 / 1101.0);
        until(&format!("{major}: {THAWED} is {expected:?}"), || ratio(&exporter, "insert", THAWED) == expected);
    }
    until(&format!("{major}: {toast} is due"), || ratio(&exporter, "dead", &toast) == Some(22.0 / 21.0));
    assert!(ratio(&exporter, "freeze", "frozen") >= Some(1.0), "{major}");
    assert_eq!(ratio(&exporter, "multixact_freeze", "frozen_mxid"), Some(1.0), "{major}");
    assert_eq!(count("freeze_due"), Some(2.0), "{major}");
    assert!(count("vacuum_due") >= Some(6.0) && count("analyze_due") >= Some(1.0), "{major}");

    // And autovacuum comes for what was said, and for nothing else.
    autovacuum(&server, "on");
    worker_has_been_there(&server);
    for table in tables {
        let expected = match cases.iter().find(|case| case.table == table).map(|case| case.comes) {
            Some("autoanalyze_count") => "0 1",
            None if ["off", "toasted", THAWED].contains(&table) => "0 0",
            _ => "1 0",
        };
        assert_eq!(visits(&server, table), expected, "{major}: {table}");
        for kind in ["dead", "insert", "analyze", "freeze", "multixact_freeze"] {
            let now = ratio(&exporter, kind, table);
            assert!(now.is_none_or(|ratio| ratio < 1.0), "{major}: {kind} of {table} is {now:?}");
        }
    }
    assert_eq!(count("freeze_due"), Some(0.0), "{major}");
}

/// A table of long values that are stored apart, and the name of the TOAST table. The storage parameters hold for that,
/// too, which has two rows for one of the table and so is due by itself.
fn make_toasted(server: &Postgres) -> String {
    let sql =
        "create table toasted (line text) with (autovacuum_vacuum_threshold = 20, autovacuum_vacuum_scale_factor = 0,
                 autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000);
               alter table toasted alter line set storage external;
               insert into toasted select repeat(chr(64 + i), 3000) from generate_series(1, 30) as i;
               delete from toasted where line < 'K'";
    server.psql("postgres", sql).unwrap();
    server.psql("postgres", "select reltoastrelid::regclass from pg_class where relname = 'toasted'").unwrap()
}

/// Tables on which autovacuum is off: it comes only to freeze. Before 15 vacuum brings an age down to the minimum age at
/// best, however young the rows are: therefore the minimum is 0.
fn make_disabled(server: &Postgres) {
    let sql = "create table off (id int) with (autovacuum_enabled = off, autovacuum_vacuum_threshold = 0);
               insert into off select generate_series(1, 1000); delete from off;
               create table frozen (id int) with (autovacuum_enabled = 0, autovacuum_freeze_max_age = 100000,
                 autovacuum_freeze_min_age = 0);
               create table frozen_mxid (id int) with (autovacuum_enabled = no, autovacuum_multixact_freeze_max_age = 10000,
                 autovacuum_multixact_freeze_min_age = 0)";
    server.psql("postgres", sql).unwrap();
    make_old(server, "relfrozenxid", "'frozen'::regclass", 99_000);
    make_old(server, "relminmxid", "'frozen_mxid'::regclass", 10_000);
}
