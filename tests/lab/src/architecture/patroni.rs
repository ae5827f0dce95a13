//! Patroni and the PostgreSQL server that it manages.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::architecture::{SCOPE, START_LIMIT, Seat, answers};
use crate::cache::Cache;
use crate::error::{LabError, run};
use crate::fetch::PYTHON;
use crate::folder::Folder;
use crate::installation::{Installation, feed};
use crate::percent::percent_encoded;
use crate::port::free_port;
use crate::proc;
use crate::process::Process;
use crate::{Backrest, EtcdCluster, MONITOR_PASSWORD, Major};

/// The version that the cluster runs.
pub(crate) const MAJOR: Major = Major::V17;

/// One Patroni with its PostgreSQL. Dropping it stops both and removes their folder.
#[derive(Debug)]
pub struct Member {
    name: String,
    installation: Installation,
    packages: PathBuf,
    port: u16,
    rest: SocketAddr,
    // Before the folder, so that it is dropped first.
    process: Process,
    folder: Folder,
}

impl Member {
    /// Starts Patroni, without waiting for what it makes of its server.
    pub(crate) fn start(name: &str, etcd: &EtcdCluster, backrest: &Backrest, stanza: &str) -> Result<Member, LabError> {
        let host = Ipv4Addr::LOCALHOST;
        Member::start_at(&Seat {
            name,
            host,
            network: "127.0.0.1/32",
            listen: host,
            port: free_port()?,
            rest_port: free_port()?,
            dcs: ("etcd3", etcd.addresses()),
            archive: Some((backrest, stanza)),
        })
    }

    /// The same on a host of its own.
    pub(crate) fn start_at(seat: &Seat<'_>) -> Result<Member, LabError> {
        let cache = Cache::open()?;
        let (installation, packages) = (cache.installation(MAJOR)?, cache.patroni()?);
        let folder = Folder::new()?;
        let (name, port, rest) = (seat.name, seat.port, seat.rest());
        let settings = seat.configuration(folder.path(), &installation.root.join("bin")).to_string();
        let file = config_file(&folder);
        fs::write(&file, settings).map_err(LabError::io(format!("writing {}", file.display())))?;
        installation.account.own(folder.path())?;
        let process = launch(name, &installation, &packages, &folder)?;
        Ok(Member { name: name.to_owned(), installation, packages, port, rest, process, folder })
    }

    /// Its name in the cluster; value of the label `ins`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port that PostgreSQL listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where Patroni's REST API and metrics are.
    pub fn rest(&self) -> SocketAddr {
        self.rest
    }

    /// Patroni's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file that PostgreSQL logs to, as JSON; Patroni's log is that of its process.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("postgresql.json")
    }

    /// The folder with the Unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// True if Patroni says that this is the primary, and holds the leader's lock.
    pub fn is_primary(&self) -> bool {
        answers(self.rest, "/primary")
    }

    /// True if Patroni says that this is a replica that may be read.
    pub fn is_replica(&self) -> bool {
        answers(self.rest, "/replica")
    }

    /// A connection URL over TCP to the server itself, for the role `monitor` with its password.
    pub fn monitor_url(&self, database: &str) -> String {
        let database = percent_encoded(database);
        format!("postgres://monitor:{MONITOR_PASSWORD}@127.0.0.1:{}/{database}?sslmode=prefer", self.port)
    }

    /// Runs SQL as the superuser over the socket, as [`crate::Postgres::psql`] does.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, LabError> {
        answer(self.client("timeout", None), database, sql)
    }

    /// Runs SQL on the database `postgres` of whatever listens on a port; a password is the user's name.
    pub(crate) fn psql_through(&self, port: u16, user: &str, sql: &str) -> Result<String, LabError> {
        self.psql_at("127.0.0.1", port, user, sql)
    }

    /// The same at any address.
    pub(crate) fn psql_at(&self, host: &str, port: u16, user: &str, sql: &str) -> Result<String, LabError> {
        let mut client = self.client("timeout", None);
        client.env("PGHOST", host).env("PGPORT", port.to_string());
        client.env("PGUSER", user).env("PGPASSWORD", user).env("PGCONNECT_TIMEOUT", "5");
        answer(client, "postgres", sql)
    }

    /// Starts a program of PostgreSQL's in the background, connected as the superuser over the socket.
    pub fn start_client(&self, program: &str, arguments: &[&str]) -> Result<Process, LabError> {
        let mut command = self.client(program, Some("KILL"));
        command.args(arguments);
        self.start_logged(program, command)
    }

    /// Creates pgbench's tables in a database.
    pub fn pgbench_init(&self, database: &str, scale: u32) -> Result<(), LabError> {
        let mut pgbench = self.client("pgbench", None);
        run(pgbench.args(["--initialize", "--quiet", "--scale", &scale.to_string(), database])).map(drop)
    }

    /// Starts pgbench on the database `postgres` through a port on 127.0.0.1, such as that of a service: 20 transactions a
    /// second, for no longer than `duration`. It connects anew for each, so that it goes on after a failover.
    pub fn pgbench(&self, port: u16, duration: Duration) -> Result<Process, LabError> {
        let mut pgbench = self.client("sh", Some("KILL"));
        pgbench.env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string());
        // A client ends with its server; then pgbench has to begin again.
        let script =
            r#"while :; do pgbench --no-vacuum --connect --client=2 --rate=20 --time="$0" postgres; sleep 1; done"#;
        pgbench.args(["-c", script, &duration.as_secs().max(1).to_string()]);
        self.start_logged("pgbench", pgbench)
    }

    fn start_logged(&self, program: &str, command: Command) -> Result<Process, LabError> {
        let log = self.folder.path().join(format!("{program}.log"));
        Process::start(&format!("{program} on {}", self.name), command, &log)
    }

    /// How a person connects to a database as `user` through a port, in a shell.
    pub fn psql_line(&self, port: u16, user: &str, database: &str) -> String {
        format!("{} -h 127.0.0.1 -p {port} -U {user} {database}", self.installation.psql())
    }

    /// How a person runs `patronictl` here.
    pub fn patronictl_line(&self) -> String {
        let (packages, config) = (self.packages.display(), config_file(&self.folder));
        format!("PYTHONPATH={packages} {PYTHON} {packages}/bin/patronictl -c {} list", config.display())
    }

    /// Runs `patronictl`, with this member's configuration.
    pub fn patronictl(&self, arguments: &[&str]) -> Result<String, LabError> {
        let mut command = self.installation.account.command("timeout", None);
        command.env("PYTHONPATH", &self.packages);
        command.args(["60", PYTHON]).arg(self.packages.join("bin/patronictl")).arg("-c").arg(config_file(&self.folder));
        run(command.args(arguments).current_dir(self.folder.path()))
    }

    /// Sets a tag in the member's configuration, or removes it with null, and has Patroni read it.
    pub fn tag(&self, name: &str, value: &Value) -> Result<(), LabError> {
        let file = config_file(&self.folder);
        let doing = format!("changing a tag in {}", file.display());
        let text = fs::read_to_string(&file).map_err(LabError::io(doing.clone()))?;
        let mut settings: Value =
            serde_json::from_str(&text).map_err(|error| LabError::Unexpected(error.to_string()))?;
        settings["tags"][name] = value.clone();
        if let (true, Some(tags)) = (value.is_null(), settings["tags"].as_object_mut()) {
            tags.remove(name);
        }
        fs::write(&file, settings.to_string()).map_err(LabError::io(doing))?;
        self.process.signal("HUP")
    }

    /// Takes the primary's role over, as an operator has it do, and waits until Patroni says so.
    pub(crate) fn take_over_from(&self, primary: &Member) -> Result<(), LabError> {
        let (from, to) = (primary.name(), self.name());
        let told = self.patronictl(&["switchover", SCOPE, "--leader", from, "--candidate", to, "--force"])?;
        // patronictl succeeds whatever came of it.
        if !told.contains("Successfully switched over") {
            return Err(LabError::Unexpected(format!("switching over from {from} to {to}: {told}")));
        }
        self.wait_for("/primary", START_LIMIT)
    }

    /// Kills Patroni and its server at once, as the loss of the host would, and returns when they are gone.
    pub fn kill(&self) {
        let tree = [proc::tree(self.process.pid()), self.server_pids()].concat();
        proc::send_if_there("KILL", &tree);
        proc::wait_until_gone(&tree, Duration::from_secs(10));
    }

    /// Starts Patroni again after [`Member::kill`]; does nothing while it runs.
    pub fn start_again(&mut self) -> Result<(), LabError> {
        if !self.process.is_running() {
            self.process = launch(&self.name, &self.installation, &self.packages, &self.folder)?;
        }
        Ok(())
    }

    /// Stops every process of the server, not Patroni, with SIGSTOP.
    pub fn freeze_server(&self) {
        proc::send_if_there("STOP", &self.server_pids());
    }

    /// Lets a frozen server go on.
    pub fn thaw_server(&self) {
        proc::send_if_there("CONT", &self.server_pids());
    }

    /// Waits until Patroni answers 200 at a path of its REST API.
    pub fn wait_for(&self, path: &str, limit: Duration) -> Result<(), LabError> {
        self.process.wait_until(&format!("200 at {path}"), limit, || answers(self.rest, path))
    }

    /// Waits until a query on the database `postgres` answers true; a failing query is asked again.
    pub fn wait_for_query(&self, query: &str, limit: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        while !self.psql("postgres", query).is_ok_and(|answer| answer == "t") {
            if Instant::now() > deadline {
                let (name, awaited) = (self.name.clone(), format!("at `{query}`"));
                return Err(LabError::Late { name, awaited, limit, log: self.process.log_tail() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The postmaster, which Patroni lets go of, and its children.
    fn server_pids(&self) -> Vec<u32> {
        let file = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        let pid = file.lines().next().and_then(|line| line.parse().ok());
        // A crash leaves the file behind, and another process may have the number by now.
        let is_ours = |pid: &u32| proc::working_in(&self.data_dir()).contains(pid);
        pid.filter(is_ours).map(proc::tree).unwrap_or_default()
    }

    fn client(&self, program: &str, death_signal: Option<&str>) -> Command {
        let mut command = self.installation.account.command(program, death_signal);
        self.installation.prepare(&mut command);
        command.current_dir(self.folder.path());
        command.env("PGHOST", self.folder.path()).env("PGPORT", self.port.to_string()).env("PGUSER", "postgres");
        command
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // A frozen server would not stop.
        self.thaw_server();
    }
}

/// What psql, run by `timeout`, answers.
fn answer(mut psql: Command, database: &str, sql: &str) -> Result<String, LabError> {
    psql.args(["60", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d"]).arg(database);
    Ok(feed(psql, sql)?.trim().to_owned())
}

fn launch(name: &str, installation: &Installation, packages: &Path, folder: &Folder) -> Result<Process, LabError> {
    let mut command = installation.account.command(PYTHON, Some("KILL"));
    installation.prepare(&mut command);
    command.env("PYTHONPATH", packages).env("HOME", folder.path());
    command.args(["-m", "patroni"]).arg(config_file(folder)).current_dir(folder.path());
    Process::start(&format!("patroni {name}"), command, &folder.path().join("patroni.log"))
}

fn config_file(folder: &Folder) -> PathBuf {
    folder.path().join("patroni.yml")
}
