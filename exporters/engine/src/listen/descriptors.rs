//! File descriptors: how many the process may open, and how many of them may be HTTP connections.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The soft limit is raised to at most this. Child processes inherit it, and some programs close every possible descriptor
/// individually.
const MOST_DESCRIPTORS: u64 = 65_536;

/// Raises the soft limit of open files to the hard one. Returns the limit in effect, also if it could not be raised.
///
/// # Errors
/// The limit cannot be read.
pub(super) fn raise_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(MOST_DESCRIPTORS).max(soft);
    if wanted == soft {
        return Ok(soft);
    }
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => {
            tracing::debug!(from = soft, to = wanted, "soft limit of open files raised");
            Ok(wanted)
        }
        Err(error) => {
            tracing::warn!(%error, limit = soft, "cannot raise the soft limit of open files");
            Ok(soft)
        }
    }
}

/// How many HTTP connections there may be: as many as asked for, but at most half of the descriptors, so that the other
/// half is left for the server, files and child processes.
pub(super) fn connection_limit(asked: usize, descriptors: u64) -> usize {
    let half = usize::try_from(descriptors / 2).unwrap_or(usize::MAX).max(1);
    if asked > half {
        tracing::warn!(
            requested = asked,
            limit = half,
            descriptors,
            "--web.max-connections reduced: half of the file descriptors are reserved for other uses \
             (raise LimitNOFILE or ulimit -n)"
        );
    }
    asked.min(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_half_of_the_descriptors() {
        assert_eq!(connection_limit(512, 20_000), 512);
        assert_eq!(connection_limit(512, 1024), 512);
        assert_eq!(connection_limit(512, 256), 128);
        assert_eq!(connection_limit(512, 1), 1);
    }

    #[test]
    fn raises_the_limit() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let raised = raise_limit().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, raised);
        assert!(raised >= hard.min(MOST_DESCRIPTORS));
    }
}
