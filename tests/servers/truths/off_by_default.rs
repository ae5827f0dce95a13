//! Collectors that read what a site makes for itself, or lends: switched on by a copy of their file without `skip`.

use std::fs;

use lab::{Major, Postgres};
use support::{exporter, scrape};
use tempfile::TempDir;

/// The files of collectors, switched on.
fn switched_on(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let collectors = support::path("collectors/pg");
    for name in names {
        let file = format!("{name}.yml");
        let text = fs::read_to_string(collectors.join(&file)).unwrap();
        assert!(text.contains("  skip: true\n"), "{file} is not off");
        fs::write(folder.path().join(file), text.replace("  skip: true\n", "")).unwrap();
    }
    folder
}

/// What a site makes, and lends to the exporter's role.
const SITE: &str = "create schema monitor;
    grant usage on schema monitor to monitor;
    create table monitor.heartbeat as
        select 'pg-test' as id, '2026-01-02 03:04:05Z'::timestamptz as ts, '0/1000'::pg_lsn as lsn, 7::bigint as txid;
    create view monitor.pg_table_bloat as select 'public' as nspname, 'thing' as relname, 8192::bigint as size, 0.25 as ratio;
    create view monitor.pg_index_bloat as
        select 'public' as nspname, 'thing' as tblname, 'thing_id' as idxname, 'thing_id' as relname, 4096::bigint as size, 0.5 as ratio;
    create function monitor.pg_shmem() returns setof pg_shmem_allocations language sql security definer
        as 'select * from pg_catalog.pg_shmem_allocations';
    grant select on all tables in schema monitor to monitor;
    grant select on pg_replication_origin_status to monitor;
    grant execute on function pg_show_replication_origin_status() to monitor;
    select pg_replication_origin_create('elsewhere');
    select pg_replication_origin_advance('elsewhere', '0/2000');";

#[test]
fn reads_what_a_site_grants_or_creates() {
    let names = ["pg_heartbeat", "pg_table_bloat", "pg_index_bloat", "pg_shmem", "pg_origin"];
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", SITE).unwrap();
        let config = switched_on(&names);
        let config = format!("--config={}", config.path().display());
        let exporter = exporter(&server, "postgres", &[&config, "--tag=schema:monitor", "--cache-ttls=0,0,0,0"]);
        let page = scrape(&exporter);
        page.assert_clean(&major.to_string());
        let value = |name: &str, label: &str, of: &str| page.value(name, &[(label, of)]);
        assert_eq!(value("pg_heartbeat_ts", "cluster_name", "pg-test"), Some(1_767_323_045.0), "{major}");
        assert_eq!(value("pg_heartbeat_lsn", "cluster_name", "pg-test"), Some(4096.0), "{major}");
        assert_eq!(value("pg_heartbeat_txid", "cluster_name", "pg-test"), Some(7.0), "{major}");
        assert_eq!(value("pg_table_bloat_size", "relname", "public.thing"), Some(8192.0), "{major}");
        assert_eq!(value("pg_table_bloat_ratio", "relname", "public.thing"), Some(0.25), "{major}");
        assert_eq!(value("pg_index_bloat_size", "relname", "public.thing_id"), Some(4096.0), "{major}");
        assert_eq!(value("pg_index_bloat_ratio", "relname", "public.thing_id"), Some(0.5), "{major}");
        assert_eq!(value("pg_origin_remote_lsn", "roname", "elsewhere"), Some(8192.0), "{major}");
        let sizes: f64 = page.samples("pg_shmem_allocated_size", &[]).iter().map(|one| one.value).sum::<f64>();
        let all = server.psql("postgres", "select sum(allocated_size) from pg_shmem_allocations").unwrap();
        assert_eq!(sizes, all.parse::<f64>().unwrap(), "{major}");
    }
}
