//! What pgbench writes of its transactions.

use std::path::Path;
use std::time::Duration;

use lab::LabError;

/// The latencies in all logs of a run: files in `folder` whose names begin with `prefix`, which are removed.
pub fn take(folder: &Path, prefix: &str) -> Result<Vec<Duration>, LabError> {
    let io = |source| LabError::Io { what: format!("reading pgbench's logs in {}", folder.display()), source };
    let mut latencies = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)) {
            latencies.extend(std::fs::read_to_string(&path).map_err(io)?.lines().filter_map(latency));
            std::fs::remove_file(&path).map_err(io)?;
        }
    }
    Ok(latencies)
}

/// The third field of `client transaction time script epoch us` is the latency in microseconds; of a transaction that
/// failed it is a word.
fn latency(line: &str) -> Option<Duration> {
    line.split(' ').nth(2)?.parse().ok().map(Duration::from_micros)
}

/// Transactions per second, of what pgbench prints at its end.
pub fn tps(output: &str) -> Option<f64> {
    output.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_from_all_logs_of_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("run.12", "0 1 850 0 1764388800 100\n1 1 1200 0 1764388800 200\n");
        write("run.12.1", "2 1 900 0 1764388800 300\n2 2 failed 0 1764388800 400\n");
        write("other.12", "0 1 5 0 1764388800 100\n");
        let mut latencies = take(folder.path(), "run.").unwrap();
        latencies.sort_unstable();
        assert_eq!(latencies, [850, 900, 1200].map(Duration::from_micros));
        assert!(!folder.path().join("run.12.1").exists() && folder.path().join("other.12").exists());
    }

    #[test]
    fn transactions_per_second_are_in_the_summary() {
        let output = "scaling factor: 10\nlatency average = 1.0 ms\ntps = 3912.345 (without initial connection time)\n";
        assert_eq!(tps(output), Some(3912.345));
        assert_eq!(tps("pgbench: error"), None);
    }
}
