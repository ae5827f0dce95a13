//! Copies of a server that is loaded once.

use std::process::Command;

use crate::error::{LabError, run};
use crate::folder::Folder;
use crate::postgres::{Postgres, data_dir};

impl Postgres {
    /// Starts a server with a copy of this one's data and statistics. This one is restarted for it.
    pub fn copy(&mut self) -> Result<Postgres, LabError> {
        let folder = Folder::new()?;
        self.stop()?;
        let copied = run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(self.data_dir()).arg(data_dir(&folder)));
        self.start_again()?;
        copied?;
        Postgres::launch(self.major, self.installation.clone(), folder)
    }
}
