//! An address that moves between two hosts, until Ctrl-C.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lab::{LabError, VipPair};

const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Runs it until Ctrl-C or for so many seconds, and tells who has the address each time that changes.
pub fn run(seconds: Option<u64>) -> Result<ExitCode, LabError> {
    let (stop, stopped) = mpsc::channel();
    // Sending fails only when the lab is ending anyway.
    ctrlc::set_handler(move || stop.send(()).unwrap_or(()))
        .map_err(|error| LabError::Unexpected(format!("handling Ctrl-C: {error}")))?;
    let begin = Instant::now();
    println!("starting etcd, and two hosts with Patroni and vip-manager, in network namespaces");
    let pair = VipPair::start()?;
    println!("all there after {:.1} s\n", begin.elapsed().as_secs_f64());
    introduce(&pair);
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut before = None;
    loop {
        let holders = pair.holders()?;
        if before.as_ref() != Some(&holders) {
            let names: Vec<&str> = holders.iter().map(|at| pair.members[*at].name()).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") };
            println!("{:>7.1} s  {} is with {names}", begin.elapsed().as_secs_f64(), VipPair::ADDRESS);
            before = Some(holders);
        }
        if stopped.recv_timeout(LOOK_INTERVAL).is_ok() || end.is_some_and(|end| Instant::now() > end) {
            println!("\nending");
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn introduce(pair: &VipPair) {
    let hub = pair.network().hub().name();
    println!("{:<14} ip netns exec {hub} psql -h {} -U postgres postgres", "the primary", VipPair::ADDRESS);
    for (number, (member, host)) in pair.members.iter().zip(pair.network().hosts()).enumerate() {
        let (name, host, port) = (member.name(), host.name(), number + 1);
        println!("{name:<14} ip netns exec {host} env {}", member.patronictl_line());
        println!("{:<14} ip -n {hub} link set port{port} down      # pulls its cable; up plugs it in again", "");
    }
    println!("a switchover: the line of a host, with `switchover --force` in the place of `list`\n");
}
