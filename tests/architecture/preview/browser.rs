//! The preview: built, served, and drawn in Chromium.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::time::Duration;

use lab::Process;
use serde_json::Value;

/// How long its server may take to listen.
const LIMIT: Duration = Duration::from_secs(30);

/// The last minutes, asked for more densely than Grafana would, since the architecture has run for no longer.
const QUERY: &str = "from=now-3m&to=now&step=5&rows=open&var-ins=pg-lab-1";

/// The tests of this file run at the same time, and share what is installed.
static BUILT: Once = Once::new();

/// Installs what the preview and its browser need where it is missing, and bundles the page.
pub fn build(root: &Path) {
    BUILT.call_once(|| {
        let mut make = Command::new("make");
        make.args(["--no-print-directory", "preview-page"]);
        // Not as a part of a make that may have started this test.
        succeed(make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(root));
    });
}

/// Holds the documents, and their further forms, against the schema that Grafana's packages declare.
pub fn check_schema(root: &Path) {
    let check = || {
        let mut check = Command::new("node");
        check.arg("schema/check.js").current_dir(folder(root));
        check
    };
    succeed(&mut check());
    for form in ["publish", "v2", "v2beta1"] {
        let written = tempfile::tempdir().unwrap();
        let mut write = Command::new("python3");
        write.arg("-B").arg(root.join("dashboards/source/generate.py")).arg(format!("--{form}")).arg(written.path());
        succeed(&mut write);
        succeed(check().arg(written.path()));
    }
}

fn folder(root: &Path) -> PathBuf {
    root.join("dashboards/preview")
}

fn succeed(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// The objects that a program printed, one a line.
fn lines(output: &Output) -> Vec<Value> {
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Its running server.
pub struct Preview<'a> {
    root: &'a Path,
    url: String,
    _server: Process,
    _log: tempfile::NamedTempFile,
}

impl Preview<'_> {
    /// Starts it before a Prometheus.
    pub fn start(root: &Path, prometheus: SocketAddr) -> Preview<'_> {
        Preview::start_of(root, prometheus, None)
    }

    /// Starts it with another folder of dashboards.
    pub fn start_of<'a>(root: &'a Path, prometheus: SocketAddr, dashboards: Option<&Path>) -> Preview<'a> {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Process::command("node");
        command.arg("server/serve.js").current_dir(folder(root));
        command.env("PROMETHEUS_URL", format!("http://{prometheus}")).env("PREVIEW_PORT", "0");
        command.envs(dashboards.map(|folder| ("PREVIEW_DASHBOARDS", folder)));
        let server = Process::start("preview", command, log.path()).unwrap();
        let said = || std::fs::read_to_string(log.path()).unwrap();
        server.wait_until("listening", LIMIT, || said().contains("/d/")).unwrap();
        let (_, said) =
            said().split_once("http://").map(|(before, after)| (before.to_owned(), after.to_owned())).unwrap();
        let url = format!("http://{}", said.split('/').next().unwrap());
        Preview { root, url, _server: server, _log: log }
    }

    /// Draws pages, all if none is named, into a folder of that name; what became of each panel.
    pub fn draw(&self, name: &str, pages: &BTreeSet<String>) -> Vec<Value> {
        let pictures = self.root.join("target/screenshots").join(name);
        let mut draw = Command::new("node");
        draw.arg("browser/draw.js").arg(&self.url).arg(pictures).arg(QUERY).args(pages).current_dir(folder(self.root));
        lines(&succeed(&mut draw))
    }

    /// Follows links from a page, and says where each step leads.
    pub fn follow(&self, page: &str, steps: &[&str]) -> Vec<Value> {
        let mut click = Command::new("node");
        click.arg("browser/click.js").args([&self.url, QUERY, page]).args(steps).current_dir(folder(self.root));
        lines(&succeed(&mut click))
    }

    /// Takes the pictures of a state into a folder.
    pub fn take(&self, pictures: &Path, state: &str, query: &str) {
        let mut take = Command::new("node");
        take.arg("browser/pictures.js").arg(&self.url).arg(pictures).args([query, state]);
        succeed(take.current_dir(folder(self.root)));
    }
}
