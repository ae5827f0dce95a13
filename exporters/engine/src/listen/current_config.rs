//! The web configuration in force: the last good one. It is read again when it, or a file it names, changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::error::ListenError;
use super::watched_files::WatchedFiles;
use super::web_config::WebConfig;
use crate::status::{ProcessStatus, WebConfigState};

/// How long a request waits for a look at the files, which may lie on a file system that has stopped answering.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The web configuration file and what it says.
pub(super) struct WebConfigFile {
    /// `None` where there is no file. Whoever looks at the files holds it, and nobody waits for it.
    files: Option<Arc<Mutex<WatchedFiles>>>,
    shared: Arc<Shared>,
    is_tls: bool,
}

struct Shared {
    in_force: RwLock<Arc<WebConfig>>,
    status: ProcessStatus,
}

impl WebConfigFile {
    /// Reads the configuration for the first time. `None` is the same as an empty file.
    ///
    /// # Errors
    /// The configuration is bad.
    pub(super) fn open(path: Option<PathBuf>, status: ProcessStatus) -> Result<Self, ListenError> {
        let mut files = path.map(WatchedFiles::new);
        let config = match &mut files {
            Some(files) => WebConfig::read(files)?,
            None => WebConfig::default(),
        };
        if let Some(files) = &files {
            log_warnings(files);
            status.note_web_config(WebConfigState::InForce);
        }
        let is_tls = config.tls.is_some();
        let shared = Arc::new(Shared { in_force: RwLock::new(Arc::new(config)), status });
        Ok(Self { files: files.map(Mutex::new).map(Arc::new), shared, is_tls })
    }

    /// Whether connections speak TLS; this is settled when the file is first read.
    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The configuration in force, after a look whether the files have changed.
    pub(super) async fn current(&self) -> Arc<WebConfig> {
        if let Some(files) = &self.files
            && let Ok(mut files) = Arc::clone(files).try_lock_owned()
        {
            let shared = Arc::clone(&self.shared);
            let look = spawn_blocking(move || shared.refresh(&mut files));
            // If it is late, what was in force still is. A panic is logged where it happens.
            timeout(PROBE_TIMEOUT, look).await.ok();
        }
        self.shared.in_force()
    }
}

impl Shared {
    fn in_force(&self) -> Arc<WebConfig> {
        Arc::clone(&self.in_force.read())
    }

    fn refresh(&self, files: &mut WatchedFiles) {
        if !files.is_outdated() {
            return;
        }
        let mut new_reading = files.again();
        let file = new_reading.path().display().to_string();
        match WebConfig::read(&mut new_reading) {
            Ok(new) => match change(&self.in_force(), &new) {
                Ok(()) => {
                    log_warnings(&new_reading);
                    tracing::info!(file, "the web configuration has changed and is in force");
                    *self.in_force.write() = Arc::new(new);
                    self.status.note_web_config(WebConfigState::InForce);
                }
                Err(problem) => self.refuse(format!("{file}: {problem}")),
            },
            Err(error) => self.refuse(error.to_string()),
        }
        *files = new_reading;
    }

    fn refuse(&self, problem: String) {
        tracing::error!(error = problem, "the changed web configuration is refused, the one in force stays");
        self.status.note_web_config(WebConfigState::Refused(problem));
    }
}

/// Whether the new configuration may take the place of the old one.
fn change(old: &WebConfig, new: &WebConfig) -> Result<(), String> {
    if let Some(lost) = old.protection.lost_in(&new.protection) {
        return Err(format!("it would switch off {lost}: restore the file, or restart to do without"));
    }
    if new.tls.is_some() && old.tls.is_none() {
        return Err("switching TLS on needs a restart".to_owned());
    }
    Ok(())
}

fn log_warnings(files: &WatchedFiles) {
    for warning in &files.warnings {
        tracing::warn!(file = %files.path().display(), "{warning}");
    }
}
