//! Why nothing can be served.

use std::io;
use std::path::PathBuf;

/// Why nothing can be served. Every message names the address or the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Neither an address nor systemd was asked for.
    #[error("no listen address: set --web.listen-address")]
    NoAddress,
    /// An address cannot be understood, looked up or bound.
    #[error("cannot listen on {address}: {reason}")]
    Address {
        /// As in the flag.
        address: String,
        /// The error of the system or the parser.
        reason: String,
    },
    /// systemd's sockets were asked for and cannot be used.
    #[error("cannot listen on systemd sockets: {reason}")]
    Systemd {
        /// What is missing or wrong.
        reason: String,
    },
    /// The web configuration, a certificate or a key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The web configuration is not YAML, has an unknown key or a value that is not allowed there.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The web configuration file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// Settings of the web configuration do not work together, or not with the files they name.
    #[error("{}: {message}", path.display())]
    Setting {
        /// The web configuration file.
        path: PathBuf,
        /// The setting and what is wrong with it.
        message: String,
    },
    /// The limit of open files cannot be read.
    #[error("cannot read the limit of open files: {0}")]
    Descriptors(io::Error),
    /// The system gives no random numbers, which the cache of logins needs.
    #[error("cannot get random numbers from the system")]
    NoRandomness,
}
