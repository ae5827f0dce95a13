//! Processes that a killed drill has left: they work on its data directory, which nothing else does.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Ends them: first by SIGQUIT, on which PostgreSQL releases its shared memory, then by SIGKILL.
pub(crate) async fn end_processes(data: &Path) {
    for (signal, tries) in [(Signal::SIGQUIT, 50), (Signal::SIGKILL, 50)] {
        for attempt in 0..tries {
            let found = processes(data);
            if found.is_empty() {
                return;
            }
            if attempt == 0 {
                for pid in found {
                    // It may have ended since.
                    kill(pid, signal).ok();
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Processes whose working directory it is, as that of all of PostgreSQL's is, or that restore into it.
fn processes(data: &Path) -> Vec<Pid> {
    let restores = format!("--pg1-path={}", data.display());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_ours = |pid: &i32| {
        let works_there = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data);
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        works_there || arguments.split(|byte| *byte == 0).any(|argument| argument == restores.as_bytes())
    };
    pids.filter(is_ours).map(Pid::from_raw).collect()
}
