//! One of our exporters, or any program that takes its flag for the listen address.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::account::bare_environment;
use crate::error::LabError;
use crate::folder::Folder;
use crate::http::{self, Response};
use crate::port::on_free_port;
use crate::process::Process;

/// A running exporter. Dropping it ends it (SIGTERM, then SIGKILL).
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    process: Process,
    // Holds its log and is where it works, so that nothing of it stays behind.
    _folder: Folder,
}

impl Exporter {
    /// Starts the binary as the current user with `--web.listen-address=127.0.0.1:PORT` and `args`,
    /// and waits until that port accepts connections. Of the caller's environment it sees only
    /// `PATH`; `env` is added. Paths in `args` have to be absolute: it works in a folder of its own.
    pub fn start(binary: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Exporter, LabError> {
        Exporter::start_by(&[], binary, args, env)
    }

    /// The same, with a file in the place of `/etc/resolv.conf`. Needs root.
    pub fn start_resolving(
        resolver: &Path,
        binary: &Path,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Result<Exporter, LabError> {
        // The mount is the process's own, and ends with it.
        let script = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;
        let wrapper = ["unshare", "--mount", "--", "sh", "-c", script].map(OsStr::new);
        Exporter::start_by(&[&wrapper[..], &[resolver.as_os_str()]].concat(), binary, args, env)
    }

    fn start_by(wrapper: &[&OsStr], binary: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Exporter, LabError> {
        let binary = binary.canonicalize().map_err(LabError::io(format!("looking for {}", binary.display())))?;
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = Folder::new()?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut words = wrapper.iter().copied().chain([binary.as_os_str()]);
            let mut command = Process::command(words.next().unwrap_or_default());
            bare_environment(&mut command);
            command.args(words).arg(format!("--web.listen-address={address}")).args(args);
            command.envs(env.iter().copied()).current_dir(folder.path());
            let process = Process::start(&name, command, &folder.path().join("exporter.log"))?;
            process.wait_until("listening", Duration::from_secs(15), || process.listens_on(port))?;
            Ok((address, process))
        })?;
        Ok(Exporter { address, process, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process. Its folder stays until the next sweep: on drop it would end the process.
    pub fn into_process(self) -> Process {
        std::mem::forget(self._folder);
        self.process
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks for a path; any status is an answer. Limit: 30 s.
    pub fn get(&self, path: &str) -> Result<Response, LabError> {
        self.request("GET", path, &[])
    }

    /// Asks with more headers; without `Accept-Encoding` among them none is sent.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response, LabError> {
        self.request("GET", path, headers)
    }

    /// Sends a request by any method, without a body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Response, LabError> {
        http::request(self.address, method, path, headers)
    }

    /// All it has written to standard output and standard error.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.process.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends it a signal, named as in `kill -s`: `HUP`.
    pub fn signal(&self, signal: &str) -> Result<(), LabError> {
        self.process.signal(signal)
    }

    /// Its process: id, end, the end of its log.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
