//! The exporters that are compared, and how each is started.

use std::path::{Path, PathBuf};

use lab::{Cache, Exporter, LabError, MONITOR_PASSWORD};

use super::load::ENOUGH_CONNECTIONS;

/// An exporter with the arguments that make it a row of the tables.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    binary: PathBuf,
    args: Vec<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    /// The flags of pg_exporter.
    Peer,
    /// postgres_exporter has no cache.
    Debian,
}

/// Which results an exporter may take from its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// None: every query runs at each scrape.
    Cold,
    /// All: whatever can be kept stays for a day. The peer has no such flag: its cache is warm while scrapes follow
    /// each other at once.
    Warm,
    /// As it comes.
    Default,
}

/// What `lab bench` is told to compare.
#[derive(Debug, Clone, clap::Args)]
pub struct Programs {
    /// The exporter's binary, an optimised build.
    #[arg(long, value_name = "PATH")]
    pub pg_exporter: PathBuf,
    /// A pgsty/pg_exporter, to measure beside it.
    #[arg(long, value_name = "PATH")]
    pub peer: Option<PathBuf>,
    /// Its collector file or folder; ours is measured with it, too.
    #[arg(long, value_name = "PATH")]
    pub same_yaml: Option<PathBuf>,
}

/// Names of rows, where more than one file needs them.
pub const OURS: &str = "pg-exporter";
pub const WIDE: &str = "pg-exporter, 13 connections";
pub const ACTIVE: &str = "pg-exporter, all databases active";
pub const SAME_YAML: &str = "pg-exporter, same YAML";
pub const PEER: &str = "peer";

impl Programs {
    /// All that are there, ours first.
    pub fn all(&self) -> Result<Vec<Program>, LabError> {
        let yaml = self.same_yaml.as_deref().map(absolute).transpose()?;
        let yaml: Vec<String> = yaml.iter().map(|path| format!("--config={}", path.display())).collect();
        let mut programs = vec![self.ours(), self.wide()];
        if !yaml.is_empty() {
            programs.push(Program { name: SAME_YAML.to_owned(), args: yaml.clone(), ..self.ours() });
        }
        if let Some(peer) = &self.peer {
            let args = [vec!["--auto-discovery".to_owned()], yaml].concat();
            programs.push(Program { name: PEER.to_owned(), binary: peer.clone(), args, kind: Kind::Peer });
        }
        let debian = Cache::open()?.postgres_exporter()?;
        let name = "postgres_exporter, 1 database".to_owned();
        programs.push(Program { name, binary: debian, args: Vec::new(), kind: Kind::Debian });
        Ok(programs)
    }

    /// Ours as it comes.
    pub fn ours(&self) -> Program {
        Program { name: OURS.to_owned(), binary: self.pg_exporter.clone(), args: Vec::new(), kind: Kind::Ours }
    }

    /// Ours with a connection for every database.
    pub fn wide(&self) -> Program {
        let args = vec![format!("--max-connections={ENOUGH_CONNECTIONS}")];
        Program { name: WIDE.to_owned(), args, ..self.ours() }
    }
}

impl Program {
    /// Starts it on the server at that port, or the proxy.
    pub fn start(&self, port: u16, caching: Caching) -> Result<Exporter, LabError> {
        const DAY: &str = "--cache-ttls=86400,86400,86400,86400";
        let mut args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        match (self.kind, caching) {
            (Kind::Ours | Kind::Peer, Caching::Cold) => args.push("--disable-cache"),
            (Kind::Ours, Caching::Warm) => args.push(DAY),
            _ => {}
        }
        let url = format!("postgres://monitor:{MONITOR_PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable");
        Exporter::start(&self.binary, &args, &[("PG_EXPORTER_URL", &url), ("DATA_SOURCE_NAME", &url)])
    }

    /// The same in another row.
    pub fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// Whether a warm scrape is another one than a cold one.
    pub fn has_cache(&self) -> bool {
        self.kind != Kind::Debian
    }

    /// Whether it is another project's.
    pub fn is_foreign(&self) -> bool {
        self.kind != Kind::Ours
    }
}

fn absolute(path: &Path) -> Result<PathBuf, LabError> {
    path.canonicalize().map_err(|source| LabError::Io { what: format!("looking for {}", path.display()), source })
}
