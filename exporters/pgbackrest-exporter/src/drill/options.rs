//! The flags of restore drills.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use engine::parse_bool;

use crate::drill::choose::{BackupChoice, Target};
use crate::drill::settings::DrillSettings;
use crate::jobs::{Schedule, TimeOfDay, parse_duration, schedule};

const DRILL: &str = "Restore drill";

#[derive(Debug, Clone, Args)]
pub(crate) struct DrillOptions {
    /// Restore a backup into a scratch folder at this interval, such as 7d, recover it, check it, measure it and remove it. Ask for it on one host only
    #[arg(long = "drill.every", id = "drill_every", help_heading = DRILL, value_name = "DURATION", value_parser = parse_duration)]
    every: Option<Duration>,

    /// Do so at this time of day, such as 04:00, in the local time zone; can be repeated or a comma-separated list
    #[arg(long = "drill.at", id = "drill_at", help_heading = DRILL, value_name = "HH:MM", action = ArgAction::Append, value_delimiter = ',', conflicts_with = "drill_every")]
    at: Vec<TimeOfDay>,

    /// Scratch folder: empty, or not there yet; never that of a server. It is closed to other users, and emptied afterwards
    #[arg(long = "drill.path", id = "drill_path", help_heading = DRILL, value_name = "PATH", default_value = "")]
    path: OsString,

    /// Stanza to restore. Default: each, one after another
    #[arg(long = "drill.stanza", id = "drill_stanza", help_heading = DRILL, value_name = "NAME", default_value = "")]
    stanza: String,

    /// Repository to restore from. Default: that of the newest backup
    #[arg(long = "drill.repo", id = "drill_repo", help_heading = DRILL, value_name = "N")]
    repository: Option<u64>,

    /// Backup to restore: newest, random, or its label
    #[arg(long = "drill.backup", id = "drill_backup", help_heading = DRILL, value_name = "BACKUP", default_value = "newest", value_parser = parse_backup)]
    backup: BackupChoice,

    /// How far to replay WAL: latest, immediate (until consistent), or a time such as '2026-11-30 02:30:00+00'
    #[arg(long = "drill.target", id = "drill_target", help_heading = DRILL, value_name = "TARGET", default_value = "latest", value_parser = parse_target)]
    target: Target,

    /// Folder with the programs of PostgreSQL. Default: /usr/lib/postgresql/N/bin or /usr/pgsql-N/bin, by the version of the backup
    #[arg(long = "drill.pg-bin-path", id = "drill_pg_bin_path", help_heading = DRILL, value_name = "PATH", default_value = "")]
    pg_bin_path: OsString,

    /// Superuser of the restored cluster
    #[arg(long = "drill.db-user", id = "drill_db_user", help_heading = DRILL, value_name = "NAME", default_value = "postgres")]
    db_user: String,

    /// Database for the queries
    #[arg(long = "drill.database", id = "drill_database", help_heading = DRILL, value_name = "NAME", default_value = "postgres")]
    database: String,

    /// Query to check the data with: it has to return true, or a number, which is exported
    #[arg(long = "drill.query", id = "drill_query", help_heading = DRILL, value_name = "SQL", default_value = "")]
    query: String,

    /// Query for the time of the newest data, as a timestamp with time zone or Unix seconds. Default: the newest commit that was replayed
    #[arg(long = "drill.heartbeat-query", id = "drill_heartbeat_query", help_heading = DRILL, value_name = "SQL", default_value = "")]
    heartbeat_query: String,

    /// Check all tables and indexes with pg_amcheck, if it is installed
    #[arg(long = "drill.amcheck", id = "drill_amcheck", help_heading = DRILL, action = ArgAction::Set, value_parser = parse_bool, default_value = "true")]
    amcheck: bool,

    /// Check all pages with pg_checksums, if the cluster has checksums
    #[arg(long = "drill.checksums", id = "drill_checksums", help_heading = DRILL, action = ArgAction::Set, value_parser = parse_bool, default_value = "true")]
    checksums: bool,

    /// Setting of the scratch server, such as shared_buffers=4GB; can be repeated
    #[arg(long = "drill.setting", id = "drill_setting", help_heading = DRILL, value_name = "NAME=VALUE", action = ArgAction::Append, value_parser = parse_setting)]
    setting: Vec<(String, String)>,

    /// Number of processes for the restore and for pg_amcheck
    #[arg(long = "drill.process-max", id = "drill_process_max", help_heading = DRILL, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=999))]
    process_max: u16,

    /// Priority of the processes of a drill, from 0, that of the exporter, to 19, the lowest. With a low one a drill takes longer on a busy host than a restore would
    #[arg(long = "drill.nice", id = "drill_nice", help_heading = DRILL, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u8).range(0..=19))]
    nice: u8,

    /// Space that has to be free before a drill, as a multiple of the size of the backup
    #[arg(long = "drill.space-factor", id = "drill_space_factor", help_heading = DRILL, value_name = "FACTOR", default_value = "1.2", value_parser = parse_factor)]
    space_factor: f64,

    /// Space in MiB that stays free: a drill that gets below it is ended
    #[arg(long = "drill.reserve", id = "drill_reserve", help_heading = DRILL, value_name = "MIB", default_value = "1024")]
    reserve_mib: u32,

    /// Time after which a drill is ended
    #[arg(long = "drill.timeout", id = "drill_timeout", help_heading = DRILL, value_name = "DURATION", default_value = "12h", value_parser = parse_duration)]
    timeout: Duration,
}

impl DrillOptions {
    pub fn schedule(&self) -> Schedule {
        schedule(self.every, &self.at)
    }

    pub fn settings(self) -> DrillSettings {
        let given = |path: OsString| Some(path).filter(|path| !path.is_empty()).map(PathBuf::from);
        let text = |text: String| Some(text).filter(|text| !text.trim().is_empty());
        DrillSettings {
            path: given(self.path),
            stanza: text(self.stanza),
            repository: self.repository,
            backup: self.backup,
            target: self.target,
            pg_bin_path: given(self.pg_bin_path),
            db_user: self.db_user,
            database: self.database,
            query: text(self.query),
            heartbeat_query: text(self.heartbeat_query),
            amcheck: self.amcheck,
            checksums: self.checksums,
            settings: self.setting,
            process_max: self.process_max,
            nice: self.nice,
            space_factor: self.space_factor,
            reserve_bytes: u64::from(self.reserve_mib) << 20,
            timeout: self.timeout,
        }
    }
}

fn parse_backup(text: &str) -> Result<BackupChoice, String> {
    let is_label =
        |text: &str| text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match text {
        "newest" => Ok(BackupChoice::Newest),
        "random" => Ok(BackupChoice::Random),
        label if is_label(label) => Ok(BackupChoice::Label(label.to_owned())),
        _ => Err("expected newest, random, or the label of a backup such as 20261130-020000F".into()),
    }
}

fn parse_target(text: &str) -> Result<Target, String> {
    match text {
        "latest" => return Ok(Target::Latest),
        "immediate" => return Ok(Target::Immediate),
        _ => {}
    }
    let expected = || "expected latest, immediate, or a time with an offset such as 2026-11-30 02:30:00+00".to_owned();
    let time: jiff::Timestamp = text.parse().map_err(|_| expected())?;
    // In one spelling, whatever the time zone of the server.
    let written = time.strftime("%Y-%m-%d %H:%M:%S%.f+00").to_string();
    Ok(Target::Time(written, time.as_duration().as_secs_f64()))
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let found = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    let found = found.filter(|(name, value)| is_name(name) && !value.contains('\n'));
    found.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "expected NAME=VALUE".into())
}

fn parse_factor(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|factor: &f64| (1.0..=100.0).contains(factor))
        .ok_or_else(|| "expected a number from 1 to 100".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_targets_backups_and_settings() {
        let time = Target::Time("2026-11-30 02:30:00+00".into(), 1_796_005_800.0);
        for text in ["2026-11-30 02:30:00+00", "2026-11-30T03:30:00+01:00"] {
            assert_eq!(parse_target(text).as_ref(), Ok(&time), "{text}");
        }
        for bad in ["", "now", "2026-11-30 02:30:00", "yesterday"] {
            assert!(parse_target(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_backup("20261130-020000F"), Ok(BackupChoice::Label("20261130-020000F".into())));
        assert!(parse_backup("last").is_err() && parse_backup("20261130-02000'; x").is_err());
        assert_eq!(parse_setting("a.b = c=d"), Ok(("a.b".into(), "c=d".into())));
        assert!(parse_setting("a").is_err() && parse_setting("a=b\nc=d").is_err() && parse_setting("a b=c").is_err());
    }
}
