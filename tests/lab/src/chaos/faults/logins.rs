//! The server is not there, or lets the exporter not in.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::super::fault::Fault;
use super::super::stage::Stage;
use crate::{LabError, MONITOR_PASSWORD, Process};

/// How long a server may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "wrong-password",
        what: "the role's password changed",
        cause: |stage| stage.sql_and_log_in("alter role monitor password 'another'"),
        heal: |stage| stage.sql(&format!("alter role monitor password '{MONITOR_PASSWORD}'")),
        ..Fault::down("auth")
    },
    Fault {
        name: "expired-role",
        what: "the role's password expired",
        cause: |stage| stage.sql_and_log_in("alter role monitor valid until '2000-01-01'"),
        heal: |stage| stage.sql("alter role monitor valid until 'infinity'"),
        in_tests: true,
        ..Fault::down("auth")
    },
    Fault {
        name: "nologin",
        what: "the role set to NOLOGIN, its sessions ended",
        cause: |stage| stage.sql_and_log_in("alter role monitor nologin"),
        heal: |stage| stage.sql("alter role monitor login"),
        in_tests: true,
        ..Fault::down("auth")
    },
    Fault {
        name: "too-many-clients",
        what: "other clients have all connections",
        cause: fill,
        ..Fault::down("too_many_connections")
    },
    Fault {
        name: "refusing",
        what: "the server is stopped",
        cause: |stage| stage.server.stop(),
        heal: |stage| stage.server.start_again(),
        ..Fault::down("refused")
    },
    Fault {
        name: "starting",
        what: "the server is starting, in recovery",
        cause: recover,
        heal: |stage| {
            stage.held.processes.clear();
            let signal = stage.server.data_dir().join("standby.signal");
            fs::remove_file(&signal).map_err(LabError::io(format!("removing {}", signal.display())))?;
            stage.server.start_again()
        },
        ..Fault::down("starting")
    },
    Fault {
        name: "crash-recovery",
        what: "a session killed by SIGKILL in mid-scrape: crash recovery",
        cause: |stage| {
            stage.sessions().signal("KILL");
            stage.server.wait_for("select true", LIMIT)
        },
        in_tests: true,
        ..Fault::in_mid_scrape()
    },
];

/// Ends the exporter's sessions and opens others until there is no more room.
fn fill(stage: &mut Stage) -> Result<(), LabError> {
    stage.sessions().signal("TERM");
    let port = stage.server.port();
    let mut open = || -> std::io::Result<bool> {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        client.set_read_timeout(Some(LIMIT))?;
        // The superuser's, who needs no password: length, version 3.0, parameters.
        let parameters = b"user\0postgres\0database\0postgres\0\0";
        let length = u32::try_from(parameters.len() + 8).unwrap_or_default();
        client.write_all(&[&length.to_be_bytes()[..], &[0, 3, 0, 0], parameters].concat())?;
        let mut answer = [0];
        client.read_exact(&mut answer)?;
        stage.held.streams.push(client);
        Ok(answer == *b"R")
    };
    // A session that ends makes room for one more until it is gone.
    let mut refused = 0;
    while refused < 3 {
        let opened = open().map_err(LabError::io(format!("opening a session on port {port}")))?;
        refused = if opened { 0 } else { refused + 1 };
    }
    Ok(())
}

/// Starts it as a standby that is not hot and waits for WAL.
fn recover(stage: &mut Stage) -> Result<(), LabError> {
    let server = &mut stage.server;
    server.stop()?;
    let signal = server.data_dir().join("standby.signal");
    File::create(&signal).map_err(LabError::io(format!("writing {}", signal.display())))?;
    let mut postgres = server.client("postgres", Some("QUIT"));
    postgres.arg("-D").arg(server.data_dir()).arg("-k").arg(server.socket_dir());
    postgres.args(["-p", &server.port().to_string(), "-c", "hot_standby=off", "-c", "restore_command=false"]);
    let process = Process::start_stopped_by("QUIT", "a server in recovery", postgres, &server.log_file())?;
    let address = (Ipv4Addr::LOCALHOST, server.port());
    process.wait_until("listening", LIMIT, || TcpStream::connect(address).is_ok())?;
    stage.held.processes.push(process);
    Ok(())
}
