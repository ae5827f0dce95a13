//! Streaming standbys.

use std::fs::File;
use std::mem;
use std::time::Duration;

use crate::error::{LabError, run};
use crate::folder::Folder;
use crate::postgres::{Postgres, data_dir};

/// How long a standby may take to catch up, or to be promoted.
const LIMIT: Duration = Duration::from_secs(60);

impl Postgres {
    /// Starts a standby of this primary. `name` (lower-case letters, digits, underscores) is both
    /// its physical slot and its `application_name`. Returns when it streams over TCP and has
    /// replayed what was last written.
    pub fn standby(&self, name: &str) -> Result<Postgres, LabError> {
        let installation = self.installation.clone();
        let folder = Folder::new()?;
        installation.account.own(folder.path())?;
        let upstream = format!("host=127.0.0.1 port={} user=postgres application_name={name}", self.port());
        run(self
            .bin("pg_basebackup")
            .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--create-slot", "--slot", name])
            .args(["--dbname", &upstream, "--pgdata"])
            .arg(data_dir(&folder)))?;
        let standby = Postgres::launch(self.major, installation, folder)?;

        self.wait_for_streaming(name)?;
        // Taking a transaction id writes a commit record to replay.
        let written =
            self.psql("postgres", "do 'begin perform pg_current_xact_id(); end'; select pg_current_wal_lsn()")?;
        standby.wait_for(&format!("select pg_last_wal_replay_lsn() >= '{written}'"), LIMIT)?;
        Ok(standby)
    }

    /// Promotes this standby and waits until it is a primary.
    pub fn promote(&self) -> Result<(), LabError> {
        match self.psql("postgres", "select pg_promote(true, 30)")?.as_str() {
            "t" => Ok(()),
            answer => Err(LabError::Unexpected(format!("{}: pg_promote answered {answer:?}", self.name()))),
        }
    }

    /// Waits until the standby of that name streams from this server.
    fn wait_for_streaming(&self, name: &str) -> Result<(), LabError> {
        let streams = format!(
            "select exists (select from pg_stat_replication where application_name = '{name}' and state = 'streaming')"
        );
        self.wait_for(&streams, LIMIT)
    }

    /// A switchover with the standby of that name: this server stops, the standby is promoted, and this one follows it.
    /// Afterwards `self` is the new primary.
    pub fn switch_over(&mut self, standby: &mut Postgres, name: &str) -> Result<(), LabError> {
        let upstream = format!("host=127.0.0.1 port={} user=postgres application_name={name}", standby.port());
        self.psql(
            "postgres",
            &format!(
                "alter system set primary_conninfo = '{upstream}';
                 alter system set primary_slot_name = '{name}'"
            ),
        )?;
        // In good order: a standby that streams gets all that was written, so that nothing has to be rewound.
        self.wait_for_streaming(name)?;
        self.stop()?;
        standby.promote()?;
        mem::swap(self, standby);
        self.psql("postgres", &format!("select pg_create_physical_replication_slot('{name}')"))?;
        let signal = standby.data_dir().join("standby.signal");
        File::create(&signal).map_err(LabError::io(format!("writing {}", signal.display())))?;
        standby.start_again()?;
        // Its own slot would keep WAL that nobody reads.
        standby.psql("postgres", &format!("select pg_drop_replication_slot('{name}')")).map(drop)
    }
}
