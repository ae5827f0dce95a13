//! What it costs the server that texts are read, and what is told where they are not.

use lab::{Exporter, Major, Postgres};
use support::outcome::scrape_until;
use support::{Page, exporter, scrape};

/// Fills pg_stat_statements with texts of 100 MB together.
const LARGE_TEXTS: &str = "set pg_stat_statements.track = 'all';
    do $$ begin
      for n in 1 .. 1000 loop
        execute format('select /* %s */ %s', repeat('x', 100000), repeat('1, ', n) || '1');
      end loop;
    end $$";
/// More than what a scrape costs without texts, and less than half of them.
const MOST_KIB: u64 = 48 * 1024;

fn explained(exporter: &Exporter) -> String {
    let text = exporter.get("/explain").unwrap().text();
    text.lines().find(|line| line.starts_with("pg_query_info ")).unwrap().to_owned()
}

fn has_texts(page: &Page) -> bool {
    !page.samples("pg_query_info", &[]).is_empty()
}

/// The most memory that the backends of the exporter have ever had.
fn peak_kib(server: &Postgres) -> u64 {
    let pids = server.psql("postgres", "select pid from pg_stat_activity where usename = 'monitor'").unwrap();
    let peak = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    pids.lines().map(peak).max().unwrap()
}

#[test]
fn large_texts_are_not_read_into_the_servers_memory() {
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", LARGE_TEXTS).unwrap();
        let size = "select size > 90000000 from pg_stat_file('pg_stat_tmp/pgss_query_texts.stat')";
        assert_eq!(server.psql("postgres", size).unwrap(), "t", "{major}");
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        for _ in 0..3 {
            scrape_until(&exporter, "large texts", |page| page.is_up() && page.failed().is_empty());
        }
        let (peak, told) = (peak_kib(&server), explained(&exporter));
        println!("{major}: the exporter's largest backend had {peak} KiB");
        assert!(peak < MOST_KIB, "{major}: {peak} KiB");
        assert!(told.contains("more than 32 MiB") && told.contains("pg_stat_statements_reset()"), "{told}");
        assert_eq!(exporter.log().matches("collector skipped").count(), 1, "{}", exporter.log());
        assert!(!has_texts(&scrape(&exporter)));

        server.psql("postgres", "select pg_stat_statements_reset()").unwrap();
        scrape_until(&exporter, "small texts are read", has_texts);
        assert!(peak_kib(&server) < MOST_KIB, "{major}");
    }
}

#[test]
fn role_without_pg_stat_file_reads_no_texts_and_is_advised() {
    for major in Major::ALL {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "revoke all on function pg_stat_file(text, boolean) from monitor").unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache", "--cache-ttls=0,0,0,0"]);
        for _ in 0..3 {
            let page = scrape(&exporter);
            page.assert_clean("no grant");
            assert!(!has_texts(&page), "{major}");
        }
        let told = explained(&exporter);
        let grant = "GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO \"monitor\";";
        assert!(told.contains(grant), "{told}");
        assert!(exporter.log().contains("texts of statements are not read"), "{}", exporter.log());
        server.psql("postgres", grant).unwrap();
        scrape_until(&exporter, "texts are read", has_texts);
        assert!(explained(&exporter).ends_with("ok"), "{}", explained(&exporter));
    }
}
