//! Temporary folders that end what still works in them when they go.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::{LabError, run};
use crate::proc;

/// Where the folders are: in memory if there is room, since a server is a thousand small files.
/// Both are short on purpose: a Unix socket's path may have no more than 107 bytes.
const MEMORY: &str = "/dev/shm";
const DISK: &str = "/tmp";

/// Below this much free space in memory the disk is taken.
const ROOM_GIB: u64 = 4;

/// A folder `lab-PID-N`, removed on drop with everything that still works in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new, empty folder, which every user may enter. Folders of dead processes are swept first.
    pub(crate) fn new() -> Result<Folder, LabError> {
        sweep();
        let parent = Path::new(if has_room(MEMORY) { MEMORY } else { DISK });
        let pid = std::process::id();
        let mut number = 0_u32;
        loop {
            let path = parent.join(format!("lab-{pid}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let folder = Folder { path };
                    fs::set_permissions(&folder.path, PermissionsExt::from_mode(0o755))
                        .map_err(LabError::io(format!("opening {} to all users", folder.path.display())))?;
                    return Ok(folder);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(LabError::io(format!("creating {}", path.display()))(error)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        clear(&self.path);
    }
}

/// True if every user may write there and there is much space.
fn has_room(parent: &str) -> bool {
    let is_open = fs::metadata(parent).is_ok_and(|folder| folder.permissions().mode() & 0o002 != 0);
    let free = || run(Command::new("df").args(["--output=avail", "--block-size=1G", parent]));
    let free_gib = |table: String| table.lines().last()?.trim().parse::<u64>().ok();
    is_open && free().ok().and_then(free_gib).is_some_and(|gib| gib >= ROOM_GIB)
}

/// Clears the folders of processes that are gone, which had no chance to do it themselves.
fn sweep() {
    for entry in [MEMORY, DISK].into_iter().flat_map(fs::read_dir).flatten().flatten() {
        let name = entry.file_name();
        let is_orphan = name.to_str().and_then(owner).is_some_and(|pid| !Path::new("/proc").join(pid).exists());
        if is_orphan {
            clear(&entry.path());
        }
    }
}

/// The process id in `lab-PID-N`.
fn owner(name: &str) -> Option<&str> {
    let (pid, number) = name.strip_prefix("lab-")?.split_once('-')?;
    (pid.parse::<u32>().is_ok() && number.parse::<u32>().is_ok()).then_some(pid)
}

/// Ends what works in the folder and removes it. A failure is told, never fatal: another process
/// may sweep the same folder, and another user's folder is not ours to remove.
fn clear(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        proc::send_if_there("KILL", &proc::working_in(path));
        match fs::remove_dir_all(path) {
            Ok(()) => return,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => return,
            // A process that is being killed may still write.
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => {
                eprintln!("lab: removing {}: {error}", path.display());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_have_an_owner() {
        assert_eq!(owner("lab-12-0"), Some("12"));
        for other in ["lab-12", "lab-12-x", "lab-x-0", "labor-12-0", "lab-12-0-1"] {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn a_dropped_folder_takes_its_processes_along() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        let mut sleeper = Command::new("sleep").arg("60").current_dir(&path).spawn().unwrap();
        drop(folder);
        assert!(!path.exists());
        assert!(!sleeper.wait().unwrap().success());
    }
}
