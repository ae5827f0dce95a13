//! What processes have used, from /proc.

use std::fs;
use std::time::Duration;

/// The kernel shows CPU time in hundredths of a second (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process with all its threads, and of its children that have ended.
pub fn cpu(pid: u32) -> Duration {
    own(pid) + ended_children(pid)
}

/// CPU time of a PostgreSQL server, the postmaster first: of its processes, and of those that have ended meanwhile,
/// whose time the postmaster has inherited.
pub fn server_cpu(pids: &[u32]) -> Duration {
    let living: Duration = pids.iter().map(|pid| exact(*pid).unwrap_or_default()).sum();
    living + pids.first().map_or(Duration::ZERO, |postmaster| ended_children(*postmaster))
}

/// CPU time of a process with a single thread, to the nanosecond, from `/proc/PID/schedstat`.
pub fn exact(pid: u32) -> Option<Duration> {
    let line = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok();
    let nanoseconds = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    nanoseconds.map(Duration::from_nanos).or_else(|| times(pid).map(|[user, system, ..]| TICK * (user + system)))
}

fn own(pid: u32) -> Duration {
    times(pid).map_or(Duration::ZERO, |[user, system, ..]| TICK * (user + system))
}

/// CPU time of the children of a process that have ended, with that of their own children.
pub fn ended_children(pid: u32) -> Duration {
    times(pid).map_or(Duration::ZERO, |[.., user, system]| TICK * (user + system))
}

/// User and system time, own and of awaited children, from `/proc/PID/stat` (proc(5), fields 14 to 17).
fn times(pid: u32) -> Option<[u32; 4]> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse);
    let mut next = || fields.next()?.ok();
    Some([next()?, next()?, next()?, next()?])
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

/// That share of the times is no longer than this: 0.5 for the median. Of fewer than a hundred times the 99th
/// percentile is the longest.
pub fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
    times.get(index).copied().unwrap_or_default()
}

/// A time in milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    /// A program that starts another one, which works for a while and ends, and then goes on.
    const WORKER: &str = "sh -c 'n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done'; echo done; read -r line";

    #[test]
    fn cpu_counts_children_that_have_ended() {
        let piped = || Stdio::piped();
        let mut parent = Command::new("sh").args(["-c", WORKER]).stdin(piped()).stdout(piped()).spawn().unwrap();
        parent.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
        let pid = parent.id();
        let (exact, all) = (exact(pid).unwrap(), server_cpu(&[pid]));
        let measured = cpu(pid);
        drop(parent.stdin.take());
        parent.wait().unwrap();
        assert!(exact < Duration::from_millis(50), "{exact:?}");
        assert!(measured > 2 * exact && measured > 5 * TICK, "{measured:?}");
        assert!(all > 5 * TICK, "{all:?}");
    }

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 0.5), Duration::from_millis(100));
        assert_eq!(quantile(&times, 0.99), Duration::from_millis(198));
        assert_eq!(quantile(&times[..3], 0.99), Duration::from_millis(200));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }
}
