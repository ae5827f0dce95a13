//! Reads files that a user names: configuration, passwords, certificates.
//!
//! A path can be anything: a FIFO without a writer, an endless device, a file of many gigabytes. Opening and reading never
//! waits for these and never uses more memory than [`MAX_BYTES`].

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

/// The maximum size of a file. Bundles of root certificates, the largest such files, are below 1 MiB.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How long the writer of a pipe may take in total.
const PIPE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two reads of an empty pipe.
const PIPE_PAUSE: Duration = Duration::from_millis(5);

/// Reads a regular file, or one behind symbolic links. `/dev/null` is an empty file.
///
/// # Errors
/// As [`open`], and a file that is larger than [`MAX_BYTES`].
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let (file, metadata) = open(path)?;
    bounded(file, &metadata)
}

/// As [`read`], but also reads a pipe to its end, such as `<(command)` and `/dev/stdin`. For files that are read once, at start.
///
/// Blocks while the writer writes, up to five seconds.
///
/// # Errors
/// As [`read`], and a pipe whose writer has not finished in that time.
pub fn read_file_or_pipe(path: &Path) -> Result<Vec<u8>> {
    let (file, metadata) = open_any(path)?;
    if metadata.file_type().is_fifo() { drain(file) } else { bounded(file, &metadata) }
}

/// As [`read`], for a file of text.
///
/// # Errors
/// As [`read`], and bytes that are not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    read(path).and_then(text)
}

/// As [`read_file_or_pipe`], for text.
///
/// # Errors
/// As [`read_file_or_pipe`], and bytes that are not UTF-8.
pub fn read_text_or_pipe(path: &Path) -> Result<String> {
    read_file_or_pipe(path).and_then(text)
}

/// Opens a regular file, or `/dev/null`, and returns its metadata, which are of the opened file even if the path changes.
///
/// # Errors
/// Errors of the system, and anything that is not a file.
pub fn open(path: &Path) -> Result<(File, Metadata)> {
    let (file, metadata) = open_any(path)?;
    if metadata.file_type().is_fifo() {
        return Err(refused("it is a pipe, which cannot be read again: expected a file"));
    }
    Ok((file, metadata))
}

fn open_any(path: &Path) -> Result<(File, Metadata)> {
    // Opening a FIFO would wait for its writer, and opening some devices has side effects.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder: expected a file"));
    }
    if !kind.is_file() && !kind.is_fifo() && !is_null_device(&metadata) {
        return Err(refused("it is a device: expected a file"));
    }
    Ok((file, metadata))
}

/// Reads a file that [`open`] has opened.
///
/// # Errors
/// Errors of the system, and a file that is larger than [`MAX_BYTES`].
pub fn bounded(file: File, metadata: &Metadata) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    // A file that grows, or one of /proc, may be larger than its metadata say.
    if metadata.len() <= MAX_BYTES {
        file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    }
    if metadata.len() > MAX_BYTES || content.len() as u64 > MAX_BYTES { Err(too_large()) } else { Ok(content) }
}

/// The bytes as text.
///
/// # Errors
/// Bytes that are not UTF-8.
pub fn text(content: Vec<u8>) -> Result<String> {
    String::from_utf8(content)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8: save it in that encoding"))
}

fn drain(mut pipe: File) -> Result<Vec<u8>> {
    let deadline = Instant::now() + PIPE_TIMEOUT;
    let mut content = Vec::new();
    let mut chunk = [0; 64 * 1024];
    while Instant::now() < deadline {
        match pipe.read(&mut chunk) {
            // A FIFO is also at its end before a writer has opened it.
            Ok(0) if content.is_empty() => std::thread::sleep(PIPE_PAUSE),
            Ok(0) => return Ok(content),
            Ok(read) => content.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PIPE_PAUSE),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if content.len() as u64 > MAX_BYTES {
            return Err(too_large());
        }
    }
    let found = if content.is_empty() { "wrote nothing" } else { "did not finish" };
    let message = format!("it is a pipe, and its writer {found} within {} s", PIPE_TIMEOUT.as_secs());
    Err(Error::new(ErrorKind::TimedOut, message))
}

fn is_null_device(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device()
        && std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, why)
}

fn too_large() -> Error {
    let message = format!("it is larger than {} MiB: is it the right file?", MAX_BYTES / 1024 / 1024);
    Error::new(ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests;
