//! The web configuration in effect: the last valid one. It is read again when it, or a file it names, changes.

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

/// How long a request waits for a check of the files, which may be on a hung file system.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The web configuration file and what it says.
pub(super) struct WebConfigFile {
    /// `None` if there is no file. The task that checks the files holds the lock, and none waits for it.
    files: Option<Arc<Mutex<WatchedFiles>>>,
    shared: Arc<Shared>,
    is_tls: bool,
}

struct Shared {
    in_effect: RwLock<Arc<WebConfig>>,
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
            status.note_certificate_expiry(config.certificate_expiry());
        }
        let is_tls = config.tls.is_some();
        let shared = Arc::new(Shared { in_effect: RwLock::new(Arc::new(config)), status });
        Ok(Self { files: files.map(Mutex::new).map(Arc::new), shared, is_tls })
    }

    /// Whether connections speak TLS; this is settled when the file is first read.
    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The configuration in effect, after a check whether the files have changed.
    pub(super) async fn current(&self) -> Arc<WebConfig> {
        if let Some(files) = &self.files
            && let Ok(mut files) = Arc::clone(files).try_lock_owned()
        {
            let shared = Arc::clone(&self.shared);
            let look = spawn_blocking(move || shared.refresh(&mut files));
            // If it is late, the previous configuration stays in effect. A panic is logged where it happens.
            timeout(PROBE_TIMEOUT, look).await.ok();
        }
        self.shared.in_effect()
    }
}

impl Shared {
    fn in_effect(&self) -> Arc<WebConfig> {
        Arc::clone(&self.in_effect.read())
    }

    fn refresh(&self, files: &mut WatchedFiles) {
        if !files.is_outdated() {
            return;
        }
        let mut new_reading = files.again();
        let file = new_reading.path().display().to_string();
        match WebConfig::read(&mut new_reading) {
            Ok(new) => match change(&self.in_effect(), &new) {
                Ok(()) => {
                    log_warnings(&new_reading);
                    tracing::info!(file, "web configuration reloaded");
                    self.status.note_certificate_expiry(new.certificate_expiry());
                    *self.in_effect.write() = Arc::new(new);
                    self.status.note_web_config(WebConfigState::InForce);
                }
                Err(problem) => self.refuse(format!("{file}: {problem}")),
            },
            Err(error) => self.refuse(error.to_string()),
        }
        *files = new_reading;
    }

    fn refuse(&self, problem: String) {
        tracing::error!(error = problem, "web configuration not reloaded, the previous one stays in effect");
        self.status.note_web_config(WebConfigState::Refused(problem));
    }
}

/// Whether the new configuration may take the place of the old one.
fn change(old: &WebConfig, new: &WebConfig) -> Result<(), String> {
    if let Some(lost) = old.protection.lost_in(&new.protection) {
        return Err(format!("it would disable {lost}: restore the file, or restart to disable it"));
    }
    if new.tls.is_some() && old.tls.is_none() {
        return Err("enabling TLS requires a restart".to_owned());
    }
    Ok(())
}

fn log_warnings(files: &WatchedFiles) {
    for warning in &files.warnings {
        tracing::warn!(file = %files.path().display(), "{warning}");
    }
}
