//! Connection parameters that users of other drivers have in their URLs.

use lab::{Exporter, Major, Postgres};
use support::certificates::written;
use support::command_line::refusal;
use support::{binary, scrape};

use super::{SETTINGS, setting};

#[test]
fn parameters_of_go_drivers_are_sent_or_ignored() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", SETTINGS);
    let port = server.port();
    let own = "binary_parameters=yes disable_prepared_binary_result=yes sslinline=true krbspn=postgres/h connect_timeout=-1 \
               keepalives_idle=-1 tcp_user_timeout=-1 TimeZone=Asia/Tokyo DateStyle=German IntervalStyle=iso_8601 \
               STATEMENT_TIMEOUT=7s Work_Mem=1MB myApp.tenantId=x default_query_exec_mode=exec";
    let keys =
        format!("host=127.0.0.1 port={port} user=monitor password={} dbname=postgres {own}", lab::MONITOR_PASSWORD);
    let url = format!("{}&{}", server.url("monitor", "postgres"), own.split_whitespace().collect::<Vec<_>>().join("&"));
    for conninfo in [keys, url] {
        let args = ["--config", config.to_str().unwrap(), "--no-auto-discovery"];
        let exporter = Exporter::start(binary(), &args, &[("PG_EXPORTER_URL", &conninfo), ("PGTZ", "UTC")]).unwrap();
        let page = scrape(&exporter);
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.log());
        for (name, value) in [
            ("TimeZone", "Asia/Tokyo"),
            ("DateStyle", "German, DMY"),
            ("IntervalStyle", "iso_8601"),
            ("statement_timeout", "7000"),
            ("work_mem", "1024"),
            ("lock_timeout", "100"),
        ] {
            assert_eq!(setting(&page, name), value, "{name}");
        }
        let log = exporter.log();
        for name in
            ["binary_parameters", "disable_prepared_binary_result", "sslinline", "krbspn", "default_query_exec_mode"]
        {
            assert_eq!(log.matches(&format!("connection parameter {name} ignored: ")).count(), 1, "{log}");
        }
    }
}

#[test]
fn parameters_of_other_drivers_are_refused_by_name() {
    for (parameter, words) in [
        ("pgbouncer", "remove it"),
        ("schema", "write search_path"),
        ("pool_max_conns", "--max-connections"),
        ("currentSchema", "write search_path"),
        ("sslfactory", "sslrootcert=FILE"),
        ("loggerLevel", "remove it"),
        ("Host", "lower case"),
        ("ssl", "write sslmode="),
    ] {
        for conninfo in
            [format!("postgres://u@127.0.0.1/d?{parameter}=s3cret"), format!("host=127.0.0.1 {parameter}=s3cret")]
        {
            let error = refusal(&[], &[("PG_EXPORTER_URL", &conninfo)]);
            assert!(error.contains(parameter) && error.contains(words) && !error.contains("s3cret"), "{error}");
        }
    }
    for (conninfo, words) in [
        ("jdbc:postgresql://h/d?user=u&password=s3cret", "remove the prefix jdbc:"),
        ("postgresql+asyncpg://u:s3cret@h/d", "remove the driver's name from the scheme"),
        ("host=127.0.0.1;port=5432;password=s3cret", "found several parameters"),
    ] {
        let error = refusal(&[], &[("PG_EXPORTER_URL", conninfo)]);
        assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
    }
}
