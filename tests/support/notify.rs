//! The socket of a service manager, on which a service says how it is.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::LIMIT;

/// Listens as systemd does for what a service with `NOTIFY_SOCKET` sends.
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    /// Listens in a folder.
    pub fn bind(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, path }
    }

    /// The value of `NOTIFY_SOCKET`.
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// The next message, which must come within the limit.
    pub fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no message: {error}"));
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// The first message with this line.
    pub fn until(&self, line: &str) -> String {
        std::iter::repeat_with(|| self.next()).find(|message| message.lines().any(|found| found == line)).unwrap()
    }

    /// The message that is there already.
    pub fn pending(&self) -> Option<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok();
        self.socket.set_nonblocking(false).unwrap();
        length.map(|length| String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}
