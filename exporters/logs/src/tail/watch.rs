//! Waits until something is written to a folder. Costs nothing while nothing is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How often a folder is looked at that cannot be watched, such as one that does not exist.
const POLL: Duration = Duration::from_secs(2);
/// How often a folder is looked at that is watched: its name may lead elsewhere.
const CHECK: Duration = Duration::from_secs(60);

/// Ends a wait.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<(Mutex<bool>, Condvar)>);

impl Waker {
    /// Ends the current wait, or the next one at once.
    pub fn wake(&self) {
        let (is_woken, changed) = &*self.0;
        *is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    fn wait(&self, limit: Duration) {
        let (is_woken, changed) = &*self.0;
        let deadline = Instant::now() + limit;
        let mut guard = is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*guard {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *guard = false;
    }
}

/// Watches one folder with inotify.
#[derive(Debug, Default)]
pub struct Watch {
    waker: Waker,
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    folder: (PathBuf, u64, u64),
    /// Watches until it is dropped.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Ends [`Watch::wait`] from elsewhere.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Watches the folder from now on; what is written after this call ends the next wait.
    ///
    /// A folder that is watched already, and is still the same, stays so.
    pub fn watch(&mut self, directory: &Path) {
        let metadata = fs::metadata(directory).ok();
        let folder = metadata.map(|metadata| (directory.to_owned(), metadata.dev(), metadata.ino()));
        if self.watched.as_ref().map(|watched| &watched.folder) != folder.as_ref() {
            self.watched = folder.and_then(|folder| watched(folder, self.waker.clone()));
        }
    }

    /// Whether the folder is watched. It is polled otherwise.
    pub fn is_watching(&self) -> bool {
        self.watched.is_some()
    }

    /// Waits for a write, for [`Waker::wake`], or until `limit` is over.
    pub fn wait(&self, limit: Option<Duration>) {
        let most = if self.is_watching() { CHECK } else { POLL };
        self.waker.wait(limit.map_or(most, |limit| limit.min(most)));
    }
}

fn watched(folder: (PathBuf, u64, u64), waker: Waker) -> Option<Watched> {
    // Reading and opening files is no news, and is what we do.
    let handler = move |event: notify::Result<notify::Event>| match event {
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
        _ => waker.wake(),
    };
    let mut watcher = notify::recommended_watcher(handler).ok()?;
    watcher.watch(&folder.0, RecursiveMode::NonRecursive).ok()?;
    Some(Watched { folder, _watcher: watcher })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(60));

    #[test]
    fn wakes_when_a_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        fs::write(&file, "a").unwrap();
        let mut watch = Watch::default();
        assert!(!watch.is_watching());
        watch.watch(folder.path());
        assert!(watch.is_watching());
        let start = Instant::now();
        for action in
            [&|| fs::write(&file, "b"), &|| fs::rename(&file, folder.path().join("log.1")), &|| fs::write(&file, "c")]
                as [&dyn Fn() -> std::io::Result<()>; 3]
        {
            action().unwrap();
            watch.wait(LONG);
        }
        assert!(start.elapsed() < Duration::from_secs(50));
    }

    #[test]
    fn watches_a_folder_that_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("log");
        let mut watch = Watch::default();
        watch.watch(&folder);
        assert!(!watch.is_watching());
        fs::create_dir(&folder).unwrap();
        watch.watch(&folder);
        assert!(watch.is_watching());
        fs::remove_dir(&folder).unwrap();
        watch.watch(&folder);
        assert!(!watch.is_watching());
    }
}
