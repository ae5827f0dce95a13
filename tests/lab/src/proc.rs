//! Processes as `/proc` shows them, and signals to them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{LabError, run};

/// Sends a signal, named as in `kill -s`, to each of the processes.
///
/// Fails when one of them no longer exists; the others have got it then.
pub(crate) fn send(signal: &str, pids: &[u32]) -> Result<(), LabError> {
    if pids.is_empty() {
        return Ok(());
    }
    // The shell's own kill: a minimal Debian has no kill program.
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$0" "$@""#, signal]).args(pids.iter().map(u32::to_string));
    run(&mut kill).map(drop)
}

/// Sends a signal to processes that may be gone by now, which is as good: whoever needs them to
/// have got it looks for its effect.
pub(crate) fn send_if_there(signal: &str, pids: &[u32]) {
    send(signal, pids).ok();
}

/// The process and all its descendants, parents first; empty when it is gone.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in all().into_iter().filter_map(|pid| Some((pid, stat(pid)?.parent))) {
        children.entry(parent).or_default().push(pid);
    }
    let mut tree = Vec::from_iter(is_running(pid).then_some(pid));
    let mut next = 0;
    while next < tree.len() {
        tree.extend(children.remove(&tree[next]).unwrap_or_default());
        next += 1;
    }
    tree
}

/// Every process whose working directory is the folder or lies below it.
///
/// All that the lab starts works inside its own folder, and PostgreSQL's processes inside the data
/// directory, so this finds the orphans of a server that was killed, too.
pub(crate) fn working_in(folder: &Path) -> Vec<u32> {
    let works_there = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    all().into_iter().filter(works_there).collect()
}

/// What it calls itself, or its command line; empty when it has ended.
pub(crate) fn title(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")
}

/// True while the process is neither stopped by SIGSTOP nor ended.
pub(crate) fn is_awake(pid: u32) -> bool {
    is_running(pid) && !is_stopped(pid)
}

/// True while the process is stopped by SIGSTOP.
pub(crate) fn is_stopped(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.state == 'T')
}

/// Waits until none of the processes is there, not even as a zombie, which whoever adopted it has to reap; no longer
/// than `limit`. A program that looks for its server by number takes a zombie for the server.
pub fn wait_until_gone(pids: &[u32], limit: Duration) {
    let deadline = Instant::now() + limit;
    while pids.iter().any(|&pid| stat(pid).is_some()) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
}

/// True if one of the processes listens on the TCP port, over IPv4, in its own network namespace.
pub(crate) fn listens(pids: &[u32], port: u16) -> bool {
    pids.iter().any(|&pid| listeners(pid, port).iter().any(|inode| has_socket(pid, inode)))
}

/// The sockets that listen on a port where the process is, by inode, from `/proc/PID/net/tcp` (proc_net_tcp in the
/// kernel's documentation): its second field ends with the port, its fourth is the state, its tenth the inode.
fn listeners(pid: u32, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let end = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&end) && *fields.get(3)? == LISTEN;
        listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    };
    table.lines().filter_map(inode).collect()
}

fn has_socket(pid: u32, inode: &str) -> bool {
    let socket = format!("socket:[{inode}]");
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target.as_os_str() == socket.as_str())
}

/// True while the process exists and is not a zombie.
fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.state != 'Z')
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

struct Stat {
    state: char,
    parent: u32,
}

/// State and parent from `/proc/PID/stat`: they follow the program's name, which may hold any
/// character and ends with the line's last parenthesis (proc(5)).
fn stat(pid: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line.rsplit_once(')')?.1.split_whitespace();
    Some(Stat { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn a_port_is_of_the_process_that_listens_on_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let (own, others) = (listens(&[std::process::id()], port), listens(&[other.id()], port));
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(own && !others);
        drop(listener);
        assert!(!listens(&[std::process::id()], port));
    }
}
