//! The benchmark: what one scrape costs the exporter and the server, on a load that it makes itself.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lab::{Cache, Exporter, LabError, MONITOR_PASSWORD, Major, Postgres, Proxy};

use crate::meter::{cpu, memory_mib, quantiles_ms};

const DATABASES: usize = 10;
const TABLES: usize = 200;
const STATEMENTS: usize = 2000;

/// Everything stays in the cache for as long as the benchmark lasts.
const LONG: &str = "--cache-ttls=86400,86400,86400,86400";

/// Makes the load, measures, prints one line for each kind of scrape.
pub fn run(pg_exporter: &Path, scrapes: usize) -> Result<ExitCode, LabError> {
    println!("making the load: {DATABASES} databases x {TABLES} tables with two indexes, {STATEMENTS} statements");
    let server = load()?;
    // What it asks is counted there.
    server.psql("postgres", "alter role monitor reset pg_stat_statements.track")?;
    let bench = Bench { server: &server, scrapes };
    let peer = Cache::open()?.postgres_exporter()?;

    println!(
        "\n{:<34} {:>7} {:>9} {:>8} {:>8} {:>8} {:>7} {:>7} {:>6} {:>6}",
        "scrape", "series", "bytes", "first ms", "median", "p99", "exp CPU", "srv CPU", "RSS", "peak"
    );
    for (gzip, word) in [(false, "identity"), (true, "gzip")] {
        bench.measure(&format!("pg-exporter cold, {word}"), pg_exporter, &["--disable-cache"], gzip)?;
        bench.measure(&format!("pg-exporter warm, {word}"), pg_exporter, &[LONG], gzip)?;
        let wide = ["--disable-cache", "--max-connections=13"];
        bench.measure(&format!("pg-exporter cold, 13 conns, {word}"), pg_exporter, &wide, gzip)?;
        bench.measure(&format!("postgres_exporter, 1 db, {word}"), &peer, &[], gzip)?;
    }
    println!(
        "times in ms, memory in MiB; CPU per scrape; n = {scrapes}; cold: every query at each scrape; warm: all from the cache"
    );

    println!(
        "\n{:<34} {:>10} {:>11} {:>11} {:>12}",
        "per scrape", "statements", "round trips", "connections", "bytes down"
    );
    bench.count("pg-exporter cold", pg_exporter, &["--disable-cache"])?;
    bench.count("pg-exporter warm", pg_exporter, &[LONG])?;
    bench.count("pg-exporter cold, 13 conns", pg_exporter, &["--disable-cache", "--max-connections=13"])?;
    bench.count("postgres_exporter, 1 db", &peer, &[])?;
    bench.together(pg_exporter)?;
    Ok(ExitCode::SUCCESS)
}

struct Bench<'a> {
    server: &'a Postgres,
    scrapes: usize,
}

impl Bench<'_> {
    /// An exporter on this port of the server; both kinds take their target from the environment.
    fn exporter(&self, binary: &Path, args: &[&str], port: u16) -> Result<Exporter, LabError> {
        let url = format!("postgres://monitor:{MONITOR_PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable");
        Exporter::start(binary, args, &[("PG_EXPORTER_URL", &url), ("DATA_SOURCE_NAME", &url)])
    }

    fn measure(&self, what: &str, binary: &Path, args: &[&str], gzip: bool) -> Result<(), LabError> {
        let exporter = self.exporter(binary, args, self.server.port())?;
        let headers: &[(&str, &str)] = if gzip { &[("Accept-Encoding", "gzip")] } else { &[] };
        let first = exporter.get("/metrics")?;
        let series = first.text().lines().filter(|line| !line.starts_with('#')).count();
        // The second use of a connection prepares its statements, and the first compressed page compresses.
        for _ in 0..3 {
            exporter.get_with("/metrics", headers)?;
        }
        let pid = [exporter.process().pid()];
        let before = (cpu(&pid), cpu(&self.server.pids()));
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..self.scrapes {
            let response = exporter.get_with("/metrics", headers)?;
            bytes = response.body.len();
            times.push(response.elapsed);
        }
        let each =
            |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() * 1e3 / self.scrapes as f64;
        let (own, servers) = (each(before.0, cpu(&pid)), each(before.1, cpu(&self.server.pids())));
        let (median, p99) = quantiles_ms(times);
        let (resident, peak) = memory_mib(pid[0]);
        let first_ms = first.elapsed.as_secs_f64() * 1e3;
        println!(
            "{what:<34} {series:>7} {bytes:>9} {first_ms:>8.0} {median:>8.1} {p99:>8.1} {own:>7.1} {servers:>7.1} {resident:>6.1} {peak:>6.1}"
        );
        Ok(())
    }

    /// Counts on the wire and in the server what a scrape in steady state asks.
    fn count(&self, what: &str, binary: &Path, args: &[&str]) -> Result<(), LabError> {
        const ROUNDS: u64 = 5;
        let proxy = Proxy::start(self.server.port())?;
        let exporter = self.exporter(binary, args, proxy.port())?;
        for _ in 0..3 {
            exporter.get("/metrics")?;
        }
        let look =
            || Ok::<_, LabError>([self.statements()?, proxy.round_trips(), proxy.connections(), proxy.bytes_down()]);
        let before = look()?;
        for _ in 0..ROUNDS {
            exporter.get("/metrics")?;
        }
        let after = look()?;
        let [statements, round_trips, connections, bytes] =
            std::array::from_fn(|at| (after[at] - before[at]) as f64 / ROUNDS as f64);
        println!("{what:<34} {statements:>10.1} {round_trips:>11.1} {connections:>11.1} {bytes:>12.0}");
        Ok(())
    }

    /// Statements that the role `monitor` has run so far.
    fn statements(&self) -> Result<u64, LabError> {
        let sql = "select coalesce(sum(calls), 0) from pg_stat_statements(false) where userid = 'monitor'::regrole";
        let calls = self.server.psql("postgres", sql)?;
        calls.parse().map_err(|_| LabError::Unexpected(format!("expected a number of calls, found {calls:?}")))
    }

    /// Twenty scrapes at once: they share one collection.
    fn together(&self, binary: &Path) -> Result<(), LabError> {
        let exporter = self.exporter(binary, &["--disable-cache"], self.server.port())?;
        exporter.get("/metrics")?;
        let before = self.statements()?;
        let begun = std::time::Instant::now();
        std::thread::scope(|scope| {
            let scrapes: Vec<_> = (0..20).map(|_| scope.spawn(|| exporter.get("/metrics"))).collect();
            for scrape in scrapes {
                scrape.join().map_err(|_| LabError::Unexpected("a scraping thread panicked".into()))??;
            }
            Ok::<_, LabError>(())
        })?;
        let all = begun.elapsed().as_secs_f64() * 1e3;
        let statements = self.statements()? - before;
        let (_, peak) = memory_mib(exporter.process().pid());
        println!("\n20 cold scrapes at once: all answered in {all:.0} ms, {statements} statements, peak {peak:.1} MiB");
        Ok(())
    }
}

/// A server with the tables and statements.
fn load() -> Result<Postgres, LabError> {
    let server =
        Postgres::builder(Major::NEWEST).setting("autovacuum", "off").setting("shared_buffers", "256MB").start()?;
    let tables = format!(
        "do $$ begin for n in 1..{TABLES} loop
             execute format('create table t%s (id int primary key, v int, w text)', n);
             execute format('create index on t%s (v)', n);
             execute format('insert into t%s select g, g %% 7, g::text from generate_series(1, 50) g', n);
         end loop; end $$; analyze"
    );
    for number in 1..=DATABASES {
        server.psql("postgres", &format!("create database db{number:02}"))?;
        server.psql(&format!("db{number:02}"), &tables)?;
    }
    server.psql("postgres", "create database bench")?;
    server.pgbench_init("bench", 10)?;
    // Constants do not tell statements apart, but how many there are does: of columns, and of terms in one.
    let statement = |n: usize| format!("select {}{};\n", "1, ".repeat(n / 400), vec!["1"; n % 400 + 1].join("+"));
    let statements: String = (0..STATEMENTS).map(statement).collect();
    for _ in 0..2 {
        server.psql("postgres", &statements)?;
    }
    Ok(server)
}
