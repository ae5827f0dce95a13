//! Standbys that Patroni does not know.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::{LabError, Member, Process};

/// How long a copy and the start may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A standby that is to be started from a copy of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct StandbyPlan<'a> {
    /// Its `application_name`, and the name of its folder beside the member's.
    pub name: &'static str,
    /// The TCP port and the name of its socket.
    pub port: u16,
    /// Settings that differ from the member's, as `name=value`.
    pub settings: &'a [&'a str],
    /// Whether it streams from the member; without, it reads from the archive only.
    pub streams: bool,
}

impl StandbyPlan<'_> {
    /// Where its data and its socket are.
    pub(super) fn folder(&self, member: &Member) -> PathBuf {
        member.socket_dir().join(self.name)
    }

    /// Copies the member and starts the standby; returns when it replays.
    pub(super) fn start(&self, member: &Member) -> Result<Process, LabError> {
        let data = self.folder(member).display().to_string();
        let copy = member.start_client("pg_basebackup", &["-D", &data, "-R", "-X", "stream", "-c", "fast"])?;
        if !copy.wait(LIMIT).is_some_and(|status| status.success()) {
            return Err(LabError::Unexpected(format!("copying {}: {}", member.name(), copy.log_tail())));
        }
        let settings = self.all_settings(member, &data);
        let arguments = settings.iter().flat_map(|setting| ["-c", setting.as_str()]);
        let arguments: Vec<&str> = ["-D", data.as_str()].into_iter().chain(arguments).collect();
        let standby = member.start_client("postgres", &arguments)?;
        standby.wait_until("open to readers", LIMIT, || {
            fs::read_to_string(self.folder(member).join("postmaster.pid"))
                .is_ok_and(|file| file.lines().nth(7).is_some_and(|state| state.trim() == "ready"))
        })?;
        if self.streams {
            let name = self.name;
            let streams = format!(
                "select exists (select from pg_stat_replication
                  where application_name = '{name}' and state = 'streaming')"
            );
            member.wait_for_query(&streams, LIMIT)?;
        }
        Ok(standby)
    }

    fn all_settings(&self, member: &Member, data: &str) -> Vec<String> {
        let (from, port, name) = (member.socket_dir().display(), member.port(), self.name);
        let upstream = format!("host={from} port={port} user=postgres application_name={name}");
        let conninfo = if self.streams { upstream } else { String::new() };
        let mut settings = vec![
            format!("unix_socket_directories={data}"),
            format!("port={}", self.port),
            format!("primary_conninfo={conninfo}"),
            "primary_slot_name=".to_owned(),
            // Where it is wanted, it is among the settings.
            "restore_command=".to_owned(),
            "listen_addresses=127.0.0.1".to_owned(),
            "archive_mode=off".to_owned(),
            "logging_collector=off".to_owned(),
        ];
        settings.extend(self.settings.iter().map(|setting| (*setting).to_owned()));
        settings
    }
}
