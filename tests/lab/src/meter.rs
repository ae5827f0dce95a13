//! What processes have used, from /proc.

use std::fs;
use std::time::Duration;

/// The kernel counts CPU time in hundredths of a second (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// CPU time of these processes and of all their children that have ended.
pub fn cpu(pids: &[u32]) -> Duration {
    pids.iter().map(|pid| TICK * ticks(*pid).unwrap_or_default()).sum()
}

/// User and system time, own and of awaited children, from `/proc/PID/stat` (proc(5), fields 14 to 17).
fn ticks(pid: u32) -> Option<u32> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<u32>().ok()).sum()
}

/// Resident memory now and at its highest, in MiB.
pub fn memory_mib(pid: u32) -> (f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    (kib("VmRSS:") / 1024.0, kib("VmHWM:") / 1024.0)
}

/// Median and 99th percentile, in milliseconds; of fewer than a hundred values the latter is the largest.
pub fn quantiles_ms(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    (at(0.5), at(0.99))
}
