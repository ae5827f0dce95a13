//! What a fault happens to: a server, or a pair of them, and an exporter that reads it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::folder::Folder;
use crate::{Backends, Exporter, Major, Postgres, Process, Proxy, PsqlSession};

/// A collector that needs a lock on a table, as a site's own may.
const OWN: &str = "\
needs_lock:
  query: SELECT pg_catalog.pg_total_relation_size('public.locked') AS bytes
  tags: [cluster]
  metrics: [ bytes: { usage: GAUGE } ]
";

/// What is there to be locked and dropped.
const OBJECTS: &str =
    "create table locked (n int); create index on locked (n); create database shop; create database blog";

/// The name of a standby.
const STANDBY: &str = "standby";

/// In the titles of the exporter's sessions.
const SESSIONS: &str = " monitor ";

/// The programs and files that a stage is made of.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The binary of pg-exporter.
    pub exporter: PathBuf,
    /// The folder with its collectors.
    pub collectors: PathBuf,
}

/// How the exporter comes to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By TCP to a primary.
    Direct,
    /// By a proxy to a primary.
    Proxied,
    /// By TCP to a standby.
    Standby,
    /// By a list of two servers, to the one that is the primary.
    Pair,
}

impl Place {
    /// Whether there is one server.
    pub fn is_alone(self) -> bool {
        matches!(self, Place::Direct | Place::Proxied)
    }
}

/// A server with its exporter, and what holds a fault.
#[derive(Debug)]
pub struct Stage {
    /// How the exporter comes to its server.
    pub place: Place,
    /// The exporter.
    pub exporter: Exporter,
    /// What is between them in [`Place::Proxied`].
    pub proxy: Option<Proxy>,
    /// The server.
    pub server: Postgres,
    /// The other one, where there are two.
    pub standby: Option<Postgres>,
    /// What is held open until the fault is healed.
    pub held: Held,
    sources: Sources,
    url: String,
    config: Folder,
}

/// Sessions, connections and processes that are a fault.
#[derive(Debug, Default)]
pub struct Held {
    /// Sessions of the superuser, with locks.
    pub sessions: Vec<PsqlSession>,
    /// Connections to the server or to the exporter.
    pub streams: Vec<TcpStream>,
    /// Other processes.
    pub processes: Vec<Process>,
}

impl Stage {
    /// Starts servers and the exporter.
    pub fn start(place: Place, sources: &Sources) -> Result<Stage, LabError> {
        let server = Postgres::start(Major::NEWEST)?;
        for statement in OBJECTS.split(';') {
            server.psql("postgres", statement)?;
        }
        Stage::on(server, place, sources)
    }

    /// The same server in another place, with another exporter.
    pub fn moved(self, place: Place) -> Result<Stage, LabError> {
        Stage::on(self.server, place, &self.sources)
    }

    fn on(server: Postgres, place: Place, sources: &Sources) -> Result<Stage, LabError> {
        let own_url = server.url("monitor", "postgres");
        let own_port = format!(":{}/", server.port());
        let (mut proxy, mut standby, mut url) = (None, None, own_url.clone());
        match place {
            Place::Direct => {}
            Place::Proxied => {
                let started = Proxy::start(server.port())?;
                url = own_url.replace(&own_port, &format!(":{}/", started.port()));
                proxy = Some(started);
            }
            Place::Standby => {
                let started = server.standby(STANDBY)?;
                url = started.url("monitor", "postgres");
                standby = Some(started);
            }
            Place::Pair => {
                let started = server.standby(STANDBY)?;
                let ports = format!(":{},127.0.0.1:{}/", server.port(), started.port());
                url = own_url.replace(&own_port, &ports) + "&target_session_attrs=primary";
                standby = Some(started);
            }
        }
        let config = config(&sources.collectors)?;
        let exporter = exporter(sources, &url, config.path())?;
        let (sources, held) = (sources.clone(), Held::default());
        Ok(Stage { place, exporter, proxy, server, standby, held, sources, url, config })
    }

    /// Starts the exporter again, after it was killed.
    pub fn start_exporter(&mut self) -> Result<(), LabError> {
        self.exporter = exporter(&self.sources, &self.url, self.config.path())?;
        Ok(())
    }

    /// Gives the exporter this collector beside its others, or takes it away.
    pub fn collect(&self, yaml: &str) -> Result<(), LabError> {
        let file = self.config.path().join("own.yml");
        fs::write(&file, format!("{OWN}{yaml}")).map_err(LabError::io(format!("writing {}", file.display())))?;
        let answer = self.exporter.request("POST", "/reload", &[])?;
        if answer.status == 200 {
            return Ok(());
        }
        Err(LabError::Unexpected(format!("POST /reload: {} {}", answer.status, answer.text())))
    }

    /// The exporter's sessions on the server.
    pub fn sessions(&self) -> Backends {
        self.server.backends(SESSIONS)
    }

    /// Its sessions on each of the servers.
    pub fn all_sessions(&self) -> Vec<Backends> {
        [Some(&self.server), self.standby.as_ref()].into_iter().flatten().map(|one| one.backends(SESSIONS)).collect()
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, sql: &str) -> Result<(), LabError> {
        self.server.psql("postgres", sql).map(drop)
    }

    /// Runs SQL and ends the exporter's sessions, so that it has to log in.
    pub fn sql_and_log_in(&self, sql: &str) -> Result<(), LabError> {
        self.sql(sql)?;
        self.sessions().signal("TERM");
        Ok(())
    }

    /// Locks a table or catalog until the fault is healed.
    pub fn lock(&mut self, table: &str) -> Result<(), LabError> {
        let mut session = self.server.session("postgres")?;
        session.run(&format!("begin; lock table {table} in access exclusive mode;"))?;
        self.held.sessions.push(session);
        Ok(())
    }

    /// Lets go what was held.
    pub fn release(&mut self) -> Result<(), LabError> {
        let mut held = std::mem::take(&mut self.held);
        held.sessions.iter_mut().try_for_each(|session| session.run("rollback;"))
    }

    /// A switchover between the two servers.
    pub fn switch(&mut self) -> Result<(), LabError> {
        let Some(standby) = &mut self.standby else {
            return Err(LabError::Unexpected("a switchover of a server without a standby".into()));
        };
        self.server.switch_over(standby, STANDBY)
    }
}

fn exporter(sources: &Sources, url: &str, config: &Path) -> Result<Exporter, LabError> {
    let config = format!("--config={}", config.display());
    Exporter::start(&sources.exporter, &["--disable-cache", &config], &[("PG_EXPORTER_URL", url)])
}

/// A folder with the collectors and [`OWN`].
fn config(collectors: &Path) -> Result<Folder, LabError> {
    let folder = Folder::new()?;
    let copy = || {
        for file in fs::read_dir(collectors)? {
            let file = file?;
            fs::copy(file.path(), folder.path().join(file.file_name()))?;
        }
        fs::write(folder.path().join("own.yml"), OWN)
    };
    copy().map_err(LabError::io(format!("copying {}", collectors.display())))?;
    Ok(folder)
}
