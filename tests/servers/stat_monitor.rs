//! The histogram of pg_stat_monitor, which no registry has: an extension with its view and its function takes its place.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lab::{Major, Postgres};
use support::outcome::exporter_of;
use support::scrape;

/// Names, types and texts as in version 2.0.
const EXTENSION: &str = "
create table rows_of_it (bucket int8, bucket_start_time timestamptz, datname name, queryid text, calls int8,
                         resp_calls text[], bucket_done boolean);
create view pg_stat_monitor as select * from rows_of_it;
create function get_histogram_timings() returns text language sql
    as $$ select '{{0.000 - 1.000}, (1.000 - 10.000}, (10.000 - 100000.000}, (100000.000 - ...}}' $$;
grant select on pg_stat_monitor to public;
";

/// A time bucket before, the last complete one, and one that goes on.
const ROWS: &str = "
insert into rows_of_it values
    (0, '2026-01-01 10:00+00', 'shop', '7', 100, '{100,0,0,0}', true),
    (1, '2026-01-01 10:01+00', 'shop', '7', 500, '{400,90,9,1}', true),
    (1, '2026-01-01 10:01+00', 'shop', '7', 10, '{0,10,0,0}', true),
    (2, '2026-01-01 10:02+00', 'shop', '7', 100, '{0,0,0,100}', false);
insert into rows_of_it
    select 1, '2026-01-01 10:01+00', 'app', n::text, 2, '{1,0,1,0}', true from generate_series(1, 40) n;
";

#[test]
fn executions_of_the_last_complete_bucket_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    let extensions = folder.path().join("extension");
    fs::create_dir(&extensions).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(extensions.join("pg_stat_monitor.control"), "default_version = '2.0'\n").unwrap();
    fs::write(extensions.join("pg_stat_monitor--2.0.sql"), EXTENSION).unwrap();
    let path = format!("$system:{}", folder.path().display());
    let server = Postgres::builder(Major::V18).setting("extension_control_path", &path).start().unwrap();
    let create = "create schema m; grant usage on schema m to public; create extension pg_stat_monitor schema m";
    server.psql("postgres", create).unwrap();
    server.psql("postgres", &format!("set search_path = m; {ROWS}")).unwrap();

    let exporter = exporter_of(&server.url("monitor", "postgres"), &["--no-auto-discovery"]);
    let page = scrape(&exporter);
    assert_eq!(page.failed(), [], "{}", exporter.log());
    let calls = |datname, query, le| {
        page.value("pg_monitor_response_seconds_bucket", &[("datname", datname), ("query", query), ("le", le)])
    };
    let of_shop = ["0.001", "0.01", "100", "+Inf"].map(|le| calls("shop", "7", le));
    assert_eq!(of_shop, [400.0, 500.0, 509.0, 510.0].map(Some));
    assert_eq!(["0.001", "+Inf"].map(|le| calls("app", "1", le)), [1.0, 2.0].map(Some));
    // One place of 32 is the shop's.
    assert_eq!(["0.001", "+Inf"].map(|le| calls("app", "other", le)), [9.0, 18.0].map(Some));
    page.assert_clean("pg_stat_monitor");
}
