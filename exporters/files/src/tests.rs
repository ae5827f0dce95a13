use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;

use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_owned();
    (folder, move |name| path.join(name))
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
}

fn refusal(read: Result<Vec<u8>>) -> String {
    read.unwrap_err().to_string()
}

#[test]
fn reads_file_behind_links_of_a_config_map() {
    let (_folder, at) = folder();
    fs::create_dir(at("..2026")).unwrap();
    fs::write(at("..2026").join("a"), "text").unwrap();
    symlink("..2026", at("..data")).unwrap();
    symlink("..data/a", at("a")).unwrap();
    for read in [read, read_file_or_pipe] {
        assert_eq!(read(&at("a")).unwrap(), b"text");
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert!(!read(Path::new("/proc/self/status")).unwrap().is_empty());
        assert_eq!(read(&at("gone")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn refuses_other_than_files_at_once() {
    let (_folder, at) = folder();
    fifo(&at("fifo"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    let large = File::create(at("large")).unwrap();
    large.set_len(MAX_BYTES + 1).unwrap();
    assert_eq!(refusal(read(&at("fifo"))), "it is a pipe, which cannot be read again: expected a file");
    for read in [read, read_file_or_pipe] {
        assert_eq!(refusal(read(Path::new("/"))), "it is a folder: expected a file");
        assert_eq!(refusal(read(Path::new("/dev/zero"))), "it is a device: expected a file");
        assert_eq!(refusal(read(&at("large"))), "it is larger than 16 MiB: is it the right file?");
        assert!(read(&at("socket")).is_err());
    }
}

#[test]
fn reads_pipe_of_slow_writer_to_its_end() {
    let (_folder, at) = folder();
    fifo(&at("fifo"));
    let path = at("fifo");
    let writer = thread::spawn(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(path).unwrap();
        for part in ["a", "b"] {
            pipe.write_all(part.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(read_file_or_pipe(&at("fifo")).unwrap(), b"ab");
    writer.join().unwrap();
}

#[test]
fn abandons_pipe_without_end() {
    let (_folder, at) = folder();
    fifo(&at("fifo"));
    assert_eq!(refusal(read_file_or_pipe(&at("fifo"))), "it is a pipe, and its writer wrote nothing within 5 s");
    // Open for both, so that it is never at its end.
    let mut both = fs::OpenOptions::new().read(true).write(true).open(at("fifo")).unwrap();
    both.write_all(b"a").unwrap();
    assert_eq!(refusal(read_file_or_pipe(&at("fifo"))), "it is a pipe, and its writer did not finish within 5 s");
}

#[test]
fn requires_utf8() {
    let (_folder, at) = folder();
    fs::write(at("a"), b"\xff").unwrap();
    assert_eq!(read_text(&at("a")).unwrap_err().to_string(), "it is not UTF-8: save it in that encoding");
    fs::write(at("a"), "é").unwrap();
    assert_eq!(read_text(&at("a")).unwrap(), "é");
}
