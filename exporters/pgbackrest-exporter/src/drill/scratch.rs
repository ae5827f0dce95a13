//! The folder that a drill restores into: private, empty, marked as ours, and removed afterwards.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;

use crate::command::RunAs;
use crate::drill::error::DrillError;
use crate::drill::leftover;

/// The file that marks a folder as one of a drill. It is locked while the drill lives.
const MARKER: &str = "pgbackrest-exporter-drill";

/// What a drill makes in the folder, beside the marker. Nothing else is ever removed.
const ENTRIES: [&str; 9] = [
    "data",
    "tablespaces",
    "lock",
    "socket",
    "postgresql.conf",
    "pg_hba.conf",
    "pg_ident.conf",
    "server.log",
    "query.sql",
];

/// The folders of the drill's user. All else in the folder belongs to the exporter, which may be root: where another user
/// may write, a link could be in the place of a file that root writes.
const OF_THE_USER: [&str; 4] = ["data", "tablespaces", "lock", "socket"];

/// The longest path: that of a socket has 107 bytes.
const MAX_PATH_BYTES: usize = 85;

/// A folder of a drill.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    owner: Option<(u32, u32)>,
    /// Locked as long as this lives.
    _marker: File,
}

impl Scratch {
    /// Takes a folder: makes it, or takes an empty one, or one of a drill that was killed, whose files are removed first.
    pub async fn take(path: &Path, user: Option<&RunAs>) -> Result<Self, DrillError> {
        let refuse =
            |problem: &str| DrillError::Folder { path: path.display().to_string(), problem: problem.to_owned() };
        if !path.is_absolute() || path.as_os_str().len() > MAX_PATH_BYTES {
            return Err(refuse("expected an absolute path of at most 85 bytes"));
        }
        if let Some(data) = path.ancestors().find(|folder| folder.join("PG_VERSION").exists()) {
            return Err(refuse(&format!("it is within the data directory {}", data.display())));
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_dir() => return Err(refuse("expected a folder, and no link to one")),
            // Where anyone may make folders, as in /tmp, it could be a trap.
            Ok(found)
                if found.uid() != nix::unistd::Uid::effective().as_raw()
                    && Some(found.uid()) != user.map(|user| user.uid) =>
            {
                return Err(refuse("it belongs to another user"));
            }
            Ok(_) => remove_leftover(path).await?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                DirBuilder::new().mode(0o700).create(path).map_err(DrillError::io(path))?;
            }
            Err(error) => return Err(DrillError::io(path)(error)),
        }
        let expect_empty = || match fs::read_dir(path).map_err(DrillError::io(path))?.next() {
            Some(_) => Err(refuse("it has files that are not of a drill: expected an empty folder")),
            None => Ok(()),
        };
        expect_empty()?;
        let owner = user.map(|user| (user.uid, user.gid));
        if let Some((_, gid)) = owner {
            let own = nix::unistd::Uid::effective().as_raw();
            chown(path, Some(own), Some(gid)).map_err(DrillError::io(path))?;
        }
        let mode = if owner.is_some() { 0o710 } else { 0o700 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(DrillError::io(path))?;
        // Until now its owner could put something into it.
        expect_empty()?;
        let marker = path.join(MARKER);
        let file = File::create_new(&marker).map_err(DrillError::io(&marker))?;
        file.try_lock().map_err(|_| refuse("another drill has just taken it"))?;
        let scratch = Self { path: path.to_owned(), owner, _marker: file };
        for name in OF_THE_USER {
            let folder = scratch.path(name);
            DirBuilder::new().mode(0o700).create(&folder).map_err(DrillError::io(&folder))?;
            if let Some((uid, gid)) = owner {
                chown(&folder, Some(uid), Some(gid)).map_err(DrillError::io(&folder))?;
            }
        }
        Ok(scratch)
    }

    /// A path in it; empty for the folder itself.
    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }

    /// Writes a file that the user of the drill can read.
    pub fn write(&self, name: &str, text: &str) -> Result<(), DrillError> {
        let path = self.path(name);
        fs::write(&path, text).map_err(DrillError::io(&path))?;
        let Some((_, gid)) = self.owner else { return Ok(()) };
        chown(&path, None, Some(gid)).map_err(DrillError::io(&path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).map_err(DrillError::io(&path))
    }

    /// Makes an empty file for output.
    pub fn create(&self, name: &str) -> Result<File, DrillError> {
        let path = self.path(name);
        File::create(&path).map_err(DrillError::io(&path))
    }

    /// Bytes that are free for the user of the drill.
    pub fn free_bytes(&self) -> Result<u64, DrillError> {
        let found = statvfs(&self.path).map_err(|error| DrillError::io(&self.path)(error.into()))?;
        #[allow(clippy::unnecessary_cast, reason = "its type is another one on other systems")]
        Ok(found.blocks_available() as u64 * found.fragment_size() as u64)
    }

    /// Removes all that the drill has made. The folder stays, empty, and belongs to the drill's user.
    pub async fn remove(self) -> Result<(), DrillError> {
        empty(&self.path).await?;
        let Some((uid, gid)) = self.owner else { return Ok(()) };
        chown(&self.path, Some(uid), Some(gid)).map_err(DrillError::io(&self.path))
    }
}

/// Removes what a killed drill has left in a folder. Does nothing if there is no marker.
///
/// # Errors
/// If a drill runs there.
pub(crate) async fn remove_leftover(path: &Path) -> Result<(), DrillError> {
    let marker = path.join(MARKER);
    let file = match File::open(&marker) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DrillError::io(&marker)(error)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DrillError::Folder {
                path: path.display().to_string(),
                problem: "a drill runs there".to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(DrillError::io(&marker)(error)),
    }
    tracing::warn!(path = %path.display(), "removing what a killed drill has left");
    leftover::end_processes(&path.join("data")).await;
    empty(path).await
}

/// Removes the entries of a drill, the marker last: what is left by a kill in between is still marked.
async fn empty(path: &Path) -> Result<(), DrillError> {
    for name in ENTRIES.iter().copied().chain([MARKER]) {
        let entry = path.join(name);
        let mut tries = 0;
        // A process that has just been killed may still add a file.
        while let Err(error) = remove(&entry).await {
            tries += 1;
            if tries == 50 {
                return Err(DrillError::io(&entry)(error));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

async fn remove(entry: &Path) -> std::io::Result<()> {
    let entry = entry.to_owned();
    let work = move || match fs::symlink_metadata(&entry) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        // Links within are removed, not followed.
        Ok(found) if found.is_dir() => fs::remove_dir_all(&entry),
        Ok(_) => fs::remove_file(&entry),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn takes_and_empties_only_its_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scratch");
        let scratch = Scratch::take(&path, None).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let told = Scratch::take(&path, None).await.unwrap_err().to_string();
        assert!(told.contains("a drill runs there"), "{told}");
        // A link to a foreign file goes, the file stays.
        let foreign = folder.path().join("foreign");
        fs::write(&foreign, "x").unwrap();
        std::os::unix::fs::symlink(folder.path(), scratch.path("tablespaces").join("link")).unwrap();
        scratch.remove().await.unwrap();
        assert!(names(&path).is_empty() && foreign.exists());
    }

    #[tokio::test]
    async fn refuses_foreign_folders_and_leaves_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("data"), "mine").unwrap();
        let told = Scratch::take(&path, None).await.unwrap_err().to_string();
        assert!(told.contains("expected an empty folder") && names(&path) == ["data"], "{told}");
        fs::write(folder.path().join("PG_VERSION"), "18").unwrap();
        let told = Scratch::take(&folder.path().join("new"), None).await.unwrap_err().to_string();
        assert!(told.contains("within the data directory"), "{told}");
        assert!(Scratch::take(Path::new("relative"), None).await.is_err());
    }

    #[tokio::test]
    async fn removes_what_a_killed_drill_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scratch");
        let scratch = Scratch::take(&path, None).await.unwrap();
        scratch.write("data/PG_VERSION", "18").unwrap();
        fs::write(path.join("other"), "not ours").unwrap();
        // As a kill does: the lock goes, the files stay.
        drop(scratch);
        remove_leftover(&path).await.unwrap();
        assert_eq!(names(&path), ["other"]);
        remove_leftover(&path).await.unwrap();
        assert!(Scratch::take(&path, None).await.is_err());
    }
}
