//! A server that speaks S3 over TLS, for repositories of pgBackRest.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::{LabError, run};
use crate::fetch::PYTHON;
use crate::folder::Folder;
use crate::port::on_free_port;
use crate::process::Process;

const START_LIMIT: Duration = Duration::from_secs(60);
const BUCKET: &str = "backups";

/// A running server with one bucket, which it keeps in memory. Dropping it ends it.
#[derive(Debug)]
pub struct S3 {
    address: SocketAddr,
    _process: Process,
    folder: Folder,
}

impl S3 {
    /// Starts it on a free port, with a certificate of its own, and waits until the bucket is there.
    pub fn start() -> Result<S3, LabError> {
        let packages = Cache::open()?.s3()?;
        let folder = Folder::new()?;
        let (certificate, key) = (folder.path().join("s3.crt"), folder.path().join("s3.key"));
        let mut make = Command::new("openssl");
        make.args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=s3".split(' '));
        make.args(["-addext", "subjectAltName=IP:127.0.0.1", "-out"]).arg(&certificate).arg("-keyout").arg(&key);
        run(&mut make)?;
        run(Command::new("chmod").arg("755").arg(folder.path()))?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Process::command(PYTHON);
            command.env("PYTHONPATH", &packages).env("HOME", folder.path()).args(["-m", "gunicorn", "--threads=8"]);
            command.arg(format!("--bind={address}")).arg("--certfile").arg(&certificate).arg("--keyfile").arg(&key);
            command.arg(r#"moto.moto_server.werkzeug_app:create_backend_app("s3")"#);
            command.current_dir(folder.path());
            let process = Process::start("s3", command, &folder.path().join("s3.log"))?;
            process.wait_until("listening", START_LIMIT, || {
                process.listens_on(port) && TcpStream::connect(address).is_ok()
            })?;
            Ok((address, process))
        })?;
        let s3 = S3 { address, _process: process, folder };
        let mut put = Command::new("curl");
        put.args(["--silent", "--show-error", "--fail", "--request", "PUT", "--cacert"]).arg(s3.certificate());
        run(put.arg(format!("https://{address}/{BUCKET}")))?;
        Ok(s3)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lines of pgBackRest's configuration that put a repository of this number there, through a port on 127.0.0.1.
    pub fn options(&self, repository: u8, port: u16) -> Vec<String> {
        let certificate = self.certificate().display().to_string();
        let options = [
            ("type", "s3"),
            ("path", "/lab"),
            ("s3-bucket", BUCKET),
            ("s3-endpoint", "127.0.0.1"),
            ("s3-region", "us-east-1"),
            ("s3-key", "lab"),
            ("s3-key-secret", "a-secret-of-the-bucket"),
            ("s3-uri-style", "path"),
            ("storage-host", "127.0.0.1"),
            ("storage-port", &port.to_string()),
            ("storage-ca-file", &certificate),
            ("retention-full", "9"),
        ];
        options.iter().map(|(name, value)| format!("repo{repository}-{name}={value}")).collect()
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("s3.crt")
    }
}
