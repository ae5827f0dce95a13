//! The flags of `pgbackrest verify`.

use std::time::Duration;

use clap::{ArgAction, Args};

use crate::jobs::{Schedule, TimeOfDay, parse_duration, schedule};
use crate::verify::VerifySettings;

const VERIFY: &str = "Verification";

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyOptions {
    /// Run pgbackrest verify for every stanza and repository at this interval, such as 24h. It reads all files of a repository: ask for it on one host only
    #[arg(long = "verify.every", id = "verify_every", help_heading = VERIFY, value_name = "DURATION", value_parser = parse_duration)]
    every: Option<Duration>,

    /// Run pgbackrest verify at this time of day, such as 03:00, in the local time zone; can be repeated or a comma-separated list
    #[arg(long = "verify.at", id = "verify_at", help_heading = VERIFY, value_name = "HH:MM", action = ArgAction::Append, value_delimiter = ',', conflicts_with = "verify_every")]
    at: Vec<TimeOfDay>,

    /// Time after which a run of pgbackrest verify is killed
    #[arg(long = "verify.timeout", id = "verify_timeout", help_heading = VERIFY, value_name = "DURATION", default_value = "12h", value_parser = parse_duration)]
    timeout: Duration,

    /// Number of processes that pgbackrest verify uses (its option process-max)
    #[arg(long = "verify.process-max", id = "verify_process_max", help_heading = VERIFY, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=999))]
    process_max: u16,
}

impl VerifyOptions {
    pub fn schedule(&self) -> Schedule {
        schedule(self.every, &self.at)
    }

    pub fn settings(&self) -> VerifySettings {
        VerifySettings { timeout: self.timeout, process_max: self.process_max }
    }
}
