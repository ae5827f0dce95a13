//! Lines per second and core, with the patterns of all embedded collectors of the log of PostgreSQL tried on each:
//! `cargo bench --workspace --bench log_lines`.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use logs::{Decoder, Field, Format};
use regex::Regex;

/// How long each format is measured.
const TIME: Duration = Duration::from_secs(2);

fn main() {
    let prefix = "%m [%p] %q%u@%d ";
    let formats = [
        ("jsonlog", Some(Format::Json), json as fn(usize) -> String),
        ("csvlog", Some(Format::Csv), csv),
        ("stderr", Format::stderr(prefix), stderr),
        ("pgbouncer", Some(Format::pgbouncer()), pgbouncer),
    ];
    let patterns = patterns();
    println!("{} patterns", patterns.len());
    for (name, format, line) in formats {
        let Some(format) = format else { continue };
        let text: String = (0..2000).map(line).collect();
        let (mut events, start) = (0_u64, Instant::now());
        let mut decoder = Decoder::new(format, "log");
        while start.elapsed() < TIME {
            for chunk in text.as_bytes().chunks(256 * 1024) {
                decoder.feed(chunk, &mut |line| {
                    events += 1;
                    let message = line.get(Field::Message).unwrap_or_default();
                    black_box(
                        patterns.iter().filter(|one| one.is_match(message) && one.captures(message).is_some()).count(),
                    );
                });
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let (events, bytes) = (events as f64, text.len() as f64 / 2000.0);
        println!(
            "{name:10} {:9.0} lines/s  {:6.1} MB/s  {bytes:.0} bytes per line",
            events / seconds,
            events * bytes / seconds / 1e6
        );
    }
}

/// The patterns that the collectors have for messages.
fn patterns() -> Vec<Regex> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../collectors/pg"));
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let of_logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("pg_log_"));
    let texts: Vec<String> = of_logs.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let quoted = lines.filter_map(|line| line.trim().strip_prefix("message: '/")?.strip_suffix("/'"));
    quoted.filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

/// What a busy server logs: statements over the threshold, connections, errors, temporary files, lock waits.
fn message(at: usize) -> (&'static str, &'static str, String, String) {
    let statement =
        format!("SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = {at} ORDER BY 1");
    match at % 5 {
        0 => (
            "LOG",
            "00000",
            "connection authorized: user=app database=shop application_name=psql".to_owned(),
            String::new(),
        ),
        1 => ("ERROR", "23505", "duplicate key value violates unique constraint \"orders_pkey\"".to_owned(), statement),
        2 => (
            "LOG",
            "00000",
            format!("temporary file: path \"base/pgsql_tmp/pgsql_tmp{at}.0\", size {at}312"),
            statement,
        ),
        3 => (
            "LOG",
            "00000",
            format!("process {at} still waiting for ShareLock on transaction 7 after 1000.1 ms"),
            statement,
        ),
        _ => ("LOG", "00000", format!("duration: {at}.123 ms  statement: {statement}"), String::new()),
    }
}

fn json(at: usize) -> String {
    let (severity, code, message, statement) = message(at);
    let message = message.replace('"', "\\\"");
    let statement = if statement.is_empty() { statement } else { format!("\"statement\":\"{statement}\",") };
    format!(
        "{{\"timestamp\":\"2026-11-30 18:00:00.{:03} UTC\",\"user\":\"app\",\"dbname\":\"shop\",\"pid\":{at},\
         \"remote_host\":\"10.0.0.7\",\"remote_port\":50312,\"session_id\":\"692c8a10.{at:x}\",\"line_num\":3,\"ps\":\"SELECT\",\
         \"session_start\":\"2026-11-30 17:59:12 UTC\",\"vxid\":\"12/345\",\"txid\":0,\"error_severity\":\"{severity}\",\
         \"state_code\":\"{code}\",\"message\":\"{message}\",{statement}\"application_name\":\"psql\",\
         \"backend_type\":\"client backend\",\"query_id\":-5421234567890123456}}\n",
        at % 1000
    )
}

fn csv(at: usize) -> String {
    let (severity, code, message, statement) = message(at);
    let message = message.replace('"', "\"\"");
    format!(
        "2026-11-30 18:00:00.{:03} UTC,\"app\",\"shop\",{at},\"10.0.0.7:50312\",692c8a10.{at:x},3,\"SELECT\",\
         2026-11-30 17:59:12 UTC,12/345,0,{severity},{code},\"{message}\",,,,,,\"{statement}\",,,\"psql\",\"client backend\",,\
         -5421234567890123456\n",
        at % 1000
    )
}

fn stderr(at: usize) -> String {
    let (severity, _, message, statement) = message(at);
    let prefix = format!("2026-11-30 18:00:00.{:03} UTC [{at}] app@shop ", at % 1000);
    let statement = if statement.is_empty() { statement } else { format!("{prefix}STATEMENT:  {statement}\n") };
    format!("{prefix}{severity}:  {message}\n{statement}")
}

fn pgbouncer(at: usize) -> String {
    format!(
        "2026-11-30 18:00:00.{:03} UTC [7] LOG C-0x55d0c8a3f1b0: shop/app@10.0.0.7:{at} login attempt: db=shop user=app tls=no\n",
        at % 1000
    )
}
