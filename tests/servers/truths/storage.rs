//! Tables, indexes, sequences.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Exporter, Major, Postgres};
use postgres::{Client, NoTls};
use support::outcome::scrape_until;
use support::{LIMIT, Page, exporter, scrape};

/// Where the oldest and the newest version suffice.
pub const ENDS: [Major; 2] = [Major::V14, Major::V19];

/// The answer of the database `postgres` as a number.
pub fn number(server: &Postgres, sql: &str) -> f64 {
    let answer = server.psql("postgres", sql).unwrap();
    answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer:?}"))
}

/// A session of the superuser.
pub fn session(server: &Postgres, database: &str) -> Client {
    Client::connect(&server.url("postgres", database), NoTls).unwrap()
}

/// What a page says between two answers of the server to the same question, of something that only grows.
pub fn assert_between(server: &Postgres, sql: &str, what: &str, read: impl FnOnce() -> Option<f64>) {
    let before = number(server, sql);
    let value = read();
    let after = number(server, sql);
    let fits = value.is_some_and(|value| (before..=after).contains(&value));
    assert!(fits, "{} {what}: {before} {value:?} {after}", server.major());
}

#[test]
fn sequences_show_their_used_ratio() {
    for major in ENDS {
        let server = Postgres::start(major).unwrap();
        let sql = "
            create sequence ninety minvalue 0 maxvalue 1000 start 0; select setval('ninety', 900);
            create sequence down increment -1 minvalue -1000 maxvalue 0 start 0; select setval('down', -900);
            create sequence wide; create table narrow (id int default nextval('wide')); select setval('wide', 1073741824);
            create table small (id smallint generated always as identity); select setval('small_id_seq', 3277);
            create sequence round maxvalue 10 cycle; select setval('round', 9);
            create domain key as int; create sequence \"a.b\"; create table kept (id key default nextval('\"a.b\"'));
            select setval('\"a.b\"', 2147483647);
            create sequence fresh;";
        server.psql("postgres", sql).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let used = |page: &Page, name: &str| page.value("pg_seq_used_ratio", &[("seqname", name)]);

        // pg_monitor alone does not read sequences, and the page says so.
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, without privilege"));
        assert_eq!(page.value("pg_seq_used_unreadable", &[]), Some(7.0), "{major}");
        assert_eq!((used(&page, "public.ninety"), page.value("pg_seq_used_max_ratio", &[])), (None, None), "{major}");

        server.psql("postgres", "grant pg_read_all_data to monitor").unwrap();
        let page = scrape(&exporter);
        let near = |name: &str, expected: f64| {
            let found = used(&page, name);
            assert!(found.is_some_and(|found| (found - expected).abs() < 1e-4), "{major} {name}: {found:?}");
        };
        near("public.ninety", 0.9);
        near("public.down", 0.9);
        near("public.wide", 0.5);
        near("public.small_id_seq", 0.1);
        near("public.\"a.b\"", 1.0);
        assert_eq!((used(&page, "public.round"), used(&page, "public.fresh")), (None, None), "{major}");
        let wide = [("seqname", "public.wide")];
        assert_eq!(page.value("pg_seq_end_value", &wide), Some(2_147_483_647.0), "{major}");
        assert_eq!(page.value("pg_seq_last_value", &wide), Some(1_073_741_824.0), "{major}");
        let summary = |name| page.value(name, &[("datname", "postgres")]);
        assert_eq!(summary("pg_seq_used_sequences"), Some(7.0), "{major}");
        assert_eq!(summary("pg_seq_used_unreadable"), Some(0.0), "{major}");
        assert_eq!(summary("pg_seq_used_max_ratio"), Some(1.0), "{major}");

        // One that is being altered is passed over, not waited for.
        let mut owner = session(&server, "postgres");
        let mut transaction = owner.transaction().unwrap();
        transaction.batch_execute("alter sequence ninety maxvalue 2000").unwrap();
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, locked"));
        assert_eq!((used(&page, "public.ninety"), used(&page, "public.wide").is_some()), (None, true), "{major}");
    }
}

/// More sequences than the lock table has room for.
#[test]
fn many_sequences_do_not_fill_the_lock_table() {
    let builder = Postgres::builder(Major::NEWEST).setting("max_locks_per_transaction", "10");
    let server = builder.setting("max_connections", "30").start().unwrap();
    let sql = "grant pg_read_all_data to monitor;
        do $$ begin for i in 1..1500 loop execute format('create sequence s%s', i); if i % 100 = 0 then commit; end if; end loop; end $$;
        create sequence late maxvalue 100; create table many (id int default nextval('late'));
        insert into many select from generate_series(1, 95); analyze many";
    server.psql("postgres", sql).unwrap();
    server.psql("postgres", "select pg_stat_reset()").unwrap();
    let page = scrape(&exporter(&server, "postgres", &["--disable-cache"]));
    assert_eq!(page.failed(), [], "{}", page.text);
    // The one that matters is read, whatever was counted of it, for the rows of its table.
    let found = page.value("pg_seq_used_max_ratio", &[]).unwrap();
    assert!((found - 94.0 / 99.0).abs() < 1e-6, "{found}");
}

#[test]
fn counts_and_names_wasteful_indexes() {
    for major in ENDS {
        let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        let sql = "
            create table thing (id int primary key, a int, b text, c int);
            insert into thing select i, i / 2, i, i from generate_series(1, 10000) i;
            create index by_a on thing (a); create index by_a_again on thing (a);
            create index by_a_desc on thing (a desc); create index by_a_some on thing (a) where c > 5;
            create unique index by_c on thing (c); create index by_c_plain on thing (c);
            create index by_b on thing (lower(b)); create index by_b_spelt on thing (  lower( b )  );
            create index by_b_c on thing (b, c); create index by_b_first on thing (b);
            create index by_b_collated on thing (b collate \"C\" desc);
            vacuum analyze thing";
        server.psql("postgres", sql).unwrap();
        let failed = server.psql("postgres", "create unique index concurrently broken on thing (a)");
        assert!(failed.is_err(), "{major}");
        server.psql("postgres", "set enable_seqscan = off; select from thing where a = 5 and c > 5").unwrap();
        server
            .wait_for("select sum(idx_scan) > 0 from pg_stat_user_indexes where indexrelname ~ '^by_a'", LIMIT)
            .unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, waste"));

        let named = |reason: &str| -> BTreeMap<&str, &str> {
            let samples = page.samples("pg_index_worst_bytes", &[("reason", reason)]).into_iter();
            samples.map(|sample| (&*sample.labels["idxname"], &*sample.labels["twin"])).collect()
        };
        assert_eq!(named("invalid"), BTreeMap::from([("public.broken", "")]), "{major}");
        let duplicate = [
            ("public.by_a_again", "public.by_a"),
            ("public.by_b_spelt", "public.by_b"),
            ("public.by_c_plain", "public.by_c"),
        ];
        assert_eq!(named("duplicate"), BTreeMap::from(duplicate), "{major}");
        assert_eq!(named("prefix"), BTreeMap::from([("public.by_b_first", "public.by_b_c")]), "{major}");
        let unused = "select string_agg('public.' || indexrelname, ' ') from pg_stat_user_indexes
                       where idx_scan = 0 and indexrelname not in ('thing_pkey', 'by_c', 'broken')";
        let unused = server.psql("postgres", unused).unwrap();
        let unused = unused.split(' ').map(|name| (name, "")).collect::<BTreeMap<_, _>>();
        assert_eq!(named("unused"), unused, "{major}");

        let count = |name: &str| page.value(&format!("pg_index_waste_{name}"), &[]).unwrap();
        assert_eq!([count("invalid"), count("duplicate"), count("prefix")], [1.0, 3.0, 1.0], "{major}");
        assert_eq!(count("unused"), named("unused").len() as f64, "{major}");
        let bytes = "select sum(pg_relation_size(indexrelid)) from pg_index
                      where indexrelid in ('by_a_again'::regclass, 'by_b_spelt'::regclass, 'by_c_plain'::regclass)";
        assert_eq!(count("duplicate_bytes"), number(&server, bytes), "{major}");

        let index = |name: &str, index: &str| page.value(name, &[("idxname", index)]);
        assert_eq!(index("pg_index_valid", "public.broken"), Some(0.0), "{major}");
        for (name, kind) in [("public.thing_pkey", 2.0), ("public.broken", 1.0), ("public.by_b_c", 0.0)] {
            assert_eq!(index("pg_index_kind", name), Some(kind), "{major}: {name}");
        }
        let size = number(&server, "select pg_relation_size('by_b_c')");
        assert_eq!(index("pg_index_size_bytes", "public.by_b_c"), Some(size), "{major}");
        if major == Major::NEWEST {
            let scanned =
                "select extract(epoch from max(last_idx_scan)) from pg_stat_user_indexes where indexrelname ~ '^by_a'";
            let last = page.samples("pg_index_last_idx_scan", &[]).into_iter().map(|sample| sample.value);
            assert!((last.fold(0.0, f64::max) - number(&server, scanned)).abs() < 1e-3);
        }
        assert_building(&server, &exporter);
        server.psql("postgres", "drop index broken, by_a_again, by_b_spelt, by_c_plain, by_b_first").unwrap();
        let page = scrape(&exporter);
        for reason in ["invalid", "duplicate", "prefix"] {
            assert_eq!(page.value(&format!("pg_index_waste_{reason}"), &[]), Some(0.0), "{major}: {reason}");
        }
    }
}

/// One that is being built, rebuilt or dropped is not valid, and no waste; the one that is broken still counts.
fn assert_building(server: &Postgres, exporter: &Exporter) {
    let (write, read) = ("insert into thing values (0)", "select from thing limit 1");
    let commands = [
        (write, "create index concurrently built on thing (c, a)"),
        (write, "reindex table concurrently thing"),
        // These wait for readers when the old index is no longer valid.
        (read, "reindex index concurrently built"),
        (read, "drop index concurrently built"),
    ];
    let mut holder = session(server, "postgres");
    for (held, command) in commands {
        let mut transaction = holder.transaction().unwrap();
        transaction.batch_execute(held).unwrap();
        std::thread::scope(|scope| {
            let build = scope.spawn(|| server.psql("postgres", command));
            server.wait_for("select count(*) >= 2 from pg_index where not indisvalid", LIMIT).unwrap();
            for _ in 0..3 {
                let page = scrape(exporter);
                page.assert_clean(command);
                let invalid = page.value("pg_index_waste_invalid", &[]);
                assert_eq!(invalid, Some(1.0), "{}: {command}", server.major());
            }
            transaction.rollback().unwrap();
            build.join().unwrap().unwrap();
        });
        let valid = scrape(exporter).value("pg_index_valid", &[("idxname", "public.built")]);
        assert_eq!(valid, (!command.starts_with("drop")).then_some(1.0), "{command}");
    }
}

#[test]
fn exact_sizes_come_on_request_and_pass_over_what_is_locked() {
    for major in ENDS {
        let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        let sql = "create table free (id int primary key, t text); create table held (id int primary key, t text);
            insert into free select i, repeat(md5(i::text), 200) from generate_series(1, 500) i; insert into held select * from free;
            vacuum analyze";
        server.psql("postgres", sql).unwrap();
        assert!(scrape(&exporter(&server, "postgres", &[])).samples("pg_table_size_bytes", &[]).is_empty(), "{major}");
        let exporter = exporter(&server, "postgres", &["--disable-cache", "--tag=exact_size"]);
        let mut owner = session(&server, "postgres");
        let mut transaction = owner.transaction().unwrap();
        transaction.batch_execute("lock table held in access exclusive mode").unwrap();
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, locked"));
        assert_eq!(page.label_values("pg_table_size_bytes", "relname"), BTreeSet::from(["public.free"]), "{major}");
        for (name, function) in
            [("bytes", "pg_total_relation_size"), ("relsize", "pg_table_size"), ("indexsize", "pg_indexes_size")]
        {
            let toast = if name == "relsize" {
                "- (select pg_total_relation_size(reltoastrelid) from pg_class where relname = 'free')"
            } else {
                ""
            };
            let size = number(&server, &format!("select {function}('free') {toast}"));
            assert_eq!(page.value(&format!("pg_table_size_{name}"), &[]), Some(size), "{major}: {name}");
        }
        let pages = number(&server, "select pg_relation_size('free') / 8192");
        assert_eq!(page.value("pg_table_pages", &[("relname", "public.free")]), Some(pages), "{major}");
        transaction.rollback().unwrap();
        scrape_until(&exporter, "the table is measured", |page| page.samples("pg_table_size_bytes", &[]).len() == 2);
    }
}
