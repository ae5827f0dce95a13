//! The whole architecture on one machine: Patroni and etcd with three PostgreSQL servers, a PgBouncer on each, HAProxy
//! before them, pgBackRest, the exporters, and Prometheus, VictoriaMetrics and Alertmanager with a webhook behind.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::LabError;
use crate::folder::Folder;
use crate::{Backrest, BackrestRelease, BouncerRelease, Exporter, PgBouncer, Prometheus, Target};

mod alertmanager;
mod blackbox;
mod component;
mod etcd;
mod etcd_cluster;
mod haproxy;
mod node;
mod node_exporter;
mod patroni;
mod ports;
mod rules;
mod seat;
mod shared;
mod syslog;
mod victoria;
mod victorialogs;
mod webhook;

pub use alertmanager::Alertmanager;
pub use blackbox::Blackbox;
pub(crate) use component::Component;
pub use etcd::Etcd;
pub use etcd_cluster::{ETCD_MEMBERS, EtcdCluster};
pub use haproxy::{HaProxy, Service};
pub use node::Node;
pub use node_exporter::NodeExporter;
pub(crate) use patroni::MAJOR;
pub use patroni::Member;
pub use ports::Ports;
pub use rules::{Condition, Scale, rule_files};
pub use seat::{LEADER_TTL, SITE_TAG};
pub(crate) use seat::{SPARE_SLOT, Seat};
pub(crate) use shared::{SCOPE, START_LIMIT, answers};
pub use syslog::Shipper;
pub use victoria::Victoria;
pub use victorialogs::VictoriaLogs;
pub use webhook::{Alert, Webhook};

/// How many PostgreSQL servers it has.
const MEMBERS: usize = 3;

/// What an architecture is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder with the exporters' programs.
    pub programs: PathBuf,
    /// Where HAProxy listens.
    pub ports: Ports,
    /// Between two scrapes, and two evaluations of the rules.
    pub interval: Duration,
    /// Rule files for Prometheus, absolute paths.
    pub rules: Vec<PathBuf>,
    /// Waiting times and thresholds in place of the rules' own.
    pub scale: Option<Scale>,
    /// Whether node_exporter shows a small file system that can be filled, too.
    pub small_disk: bool,
    /// More arguments for the exporters of each member.
    pub exporter_args: Vec<String>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            programs: PathBuf::from("target/release"),
            ports: Ports::Standard,
            interval: Duration::from_secs(5),
            rules: Vec::new(),
            scale: None,
            small_disk: false,
            exporter_args: Vec::new(),
        }
    }
}

/// All of it, running. Dropping it ends everything; fields are dropped in this order: those who ask before those who answer.
#[derive(Debug)]
pub struct Architecture {
    /// Scrapes everything and evaluates the rules.
    pub prometheus: Prometheus,
    /// Scrapes everything, too.
    pub victoria: Victoria,
    /// Hands alerts to the webhook.
    pub alertmanager: Alertmanager,
    /// Keeps what arrives.
    pub webhook: Webhook,
    /// Ships every program's log to the store.
    pub shipper: Shipper,
    /// The store of logs.
    pub logs: VictoriaLogs,
    // Rule files that are scaled down.
    _rules: Option<Folder>,
    /// The exporter of the machine, which is every node's here.
    pub node_exporter: NodeExporter,
    /// Probes the VIP of the primary.
    pub blackbox: Blackbox,
    /// The exporter beside the repository.
    pub backrest_exporter: Exporter,
    /// The services.
    pub haproxy: HaProxy,
    /// The three members; which is the primary, Patroni decides.
    pub nodes: Vec<Node>,
    /// The repository.
    pub backrest: Backrest,
    /// Where Patroni keeps who leads.
    pub etcd: EtcdCluster,
}

impl Architecture {
    /// Starts it and waits until there are a primary, two replicas that stream from it, and a first backup.
    pub fn start(plan: &Plan) -> Result<Architecture, LabError> {
        let etcd = EtcdCluster::start()?;
        let backrest = Backrest::new(BackrestRelease::V2_55, &["log-level-file=info"])?;
        let nodes = cluster(plan, &etcd, &backrest)?;
        let haproxy = HaProxy::start(&nodes, plan.ports)?;
        let backrest_exporter = backrest.exporter(&plan.programs.join("pgbackrest-exporter"))?;
        let node_exporter = if plan.small_disk { NodeExporter::start_with_disk()? } else { NodeExporter::start()? };
        let blackbox = Blackbox::start()?;
        let logs = VictoriaLogs::start()?;
        let shipper = Shipper::start(&nodes, &backrest, logs.address())?;
        let webhook = Webhook::start()?;
        let alertmanager = Alertmanager::to_webhook(&webhook.url())?;
        let targets = targets(&etcd, &nodes, &haproxy, &backrest_exporter, &node_exporter, &blackbox);
        let victoria = Victoria::start(&targets, plan.interval)?;
        let scaled = plan.scale.map(|scale| rules::scaled(&plan.rules, &scale)).transpose()?;
        let (rules_folder, rules) = scaled.map_or((None, plan.rules.clone()), |(folder, files)| (Some(folder), files));
        let prometheus = Prometheus::start_alerting(&targets, plan.interval, &rules, Some(alertmanager.address()))?;
        Ok(Architecture {
            prometheus,
            victoria,
            alertmanager,
            webhook,
            shipper,
            logs,
            _rules: rules_folder,
            node_exporter,
            blackbox,
            backrest_exporter,
            haproxy,
            nodes,
            backrest,
            etcd,
        })
    }

    /// Everything that is scraped.
    pub fn targets(&self) -> Vec<Target> {
        targets(&self.etcd, &self.nodes, &self.haproxy, &self.backrest_exporter, &self.node_exporter, &self.blackbox)
    }

    /// The number of the node whose member is the primary, if there is one now.
    pub fn primary(&self) -> Option<usize> {
        self.nodes.iter().position(|node| node.member.is_primary())
    }

    /// The number of the last node that is a replica now.
    pub fn replica(&self) -> Option<usize> {
        self.nodes.iter().rposition(|node| node.member.is_replica())
    }

    /// Waits until a member is the primary and all others stream from it; returns its number.
    pub fn wait_for_cluster(&self, limit: Duration) -> Result<usize, LabError> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(primary) = self.primary() {
                wait_for_streams(&self.nodes[primary].member, left)?;
                return Ok(primary);
            }
            if left.is_zero() {
                return Err(LabError::Unexpected(format!("no member of {SCOPE} was the primary within {limit:?}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs SQL through a service and returns the answer as [`crate::Postgres::psql`] does.
    pub fn ask(&self, service: Service, sql: &str) -> Result<String, LabError> {
        self.nodes[0].member.psql_through(self.haproxy.port(service), service.user(), sql)
    }

    /// Hands the primary's role over to another member, as an operator does, and waits until Patroni says so.
    pub fn switch_over(&self, to: usize) -> Result<(), LabError> {
        let from = self.primary().ok_or_else(|| LabError::Unexpected(format!("{SCOPE} has no primary now")))?;
        self.nodes[to].member.take_over_from(&self.nodes[from].member)
    }
}

impl Drop for Architecture {
    fn drop(&mut self) {
        // At once: each server takes a while to end in good order.
        std::thread::scope(|scope| {
            for node in self.nodes.drain(..) {
                scope.spawn(move || drop(node));
            }
        });
    }
}

/// The members and what stands beside each.
fn cluster(plan: &Plan, etcd: &EtcdCluster, backrest: &Backrest) -> Result<Vec<Node>, LabError> {
    let start = |number: usize| Member::start(&format!("{SCOPE}-{number}"), etcd, backrest, SCOPE);
    let first = start(1)?;
    first.wait_for("/primary", START_LIMIT)?;
    first.psql("postgres", &preparation())?;
    backrest.configure(&format!(
        "[{SCOPE}]\npg1-path={}\npg1-port={}\npg1-socket-path={}\npg1-user=postgres",
        first.data_dir().display(),
        first.port(),
        first.socket_dir().display()
    ))?;
    backrest.run(SCOPE, &["stanza-create"])?;
    let replicas = (2..=MEMBERS).map(start).collect::<Result<Vec<_>, _>>()?;
    backrest.backup(SCOPE, "full", &[])?;
    for replica in &replicas {
        replica.wait_for("/replica", START_LIMIT)?;
    }
    wait_for_streams(&first, START_LIMIT)?;
    std::iter::once(first).chain(replicas).map(|member| equip(plan, member)).collect()
}

/// The role `monitor`, who may read sequences and the texts of statements, too, and the extension that the exporters read.
pub(crate) fn preparation() -> String {
    format!(
        "create role monitor login password '{}' in role pg_monitor, pg_read_all_data; \
         grant execute on function pg_catalog.pg_stat_file(text, boolean) to monitor; \
         alter role monitor set pg_stat_statements.track = 'none'; create extension pg_stat_statements",
        crate::MONITOR_PASSWORD
    )
}

fn wait_for_streams(primary: &Member, limit: Duration) -> Result<(), LabError> {
    let replicas = MEMBERS - 1;
    let query = format!("select count(*) = {replicas} from pg_stat_replication where state = 'streaming'");
    primary.wait_for_query(&query, limit)
}

fn equip(plan: &Plan, member: Member) -> Result<Node, LabError> {
    let server = format!("host=127.0.0.1 port={} user=postgres", member.port());
    let database = format!("postgres = {server} dbname=postgres pool_size=10");
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST).database_line(&database).start()?;
    let web_config = member.socket_dir().join("web.yml");
    fs::write(&web_config, "").map_err(LabError::io(format!("writing {}", web_config.display())))?;
    let web_argument = format!("--web.config.file={}", web_config.display());
    let args: Vec<&str> = plan.exporter_args.iter().chain([&web_argument]).map(String::as_str).collect();
    let exporter = |program: &str, env: &[(&str, &str)]| Exporter::start(&plan.programs.join(program), &args, env);
    let (server, console) = (member.monitor_url("postgres"), pooler.url("monitor", "pgbouncer"));
    let patroni = format!("http://{}", member.rest());
    let exporters = [
        exporter("pg-exporter", &[("PG_EXPORTER_URL", &server), ("PG_EXPORTER_PATRONI_URL", &patroni)])?,
        exporter("pgbouncer-exporter", &[("PG_EXPORTER_URL", &console)])?,
    ];
    Ok(Node { exporters, web_config, pooler, member })
}

/// What Prometheus scrapes, with the labels of the architecture.
fn targets(
    etcd: &EtcdCluster,
    nodes: &[Node],
    haproxy: &HaProxy,
    backrest_exporter: &Exporter,
    node_exporter: &NodeExporter,
    blackbox: &Blackbox,
) -> Vec<Target> {
    let target = |job: &str, address: SocketAddr, instance: &str| {
        Target::new(job, address).label("cls", SCOPE).label("ins", instance).label("ip", &address.ip().to_string())
    };
    let mut targets = vec![
        target("haproxy", haproxy.address(), "haproxy-1"),
        target("pgbackrest", backrest_exporter.address(), SCOPE),
        blackbox.probe(SocketAddr::from((Ipv4Addr::LOCALHOST, haproxy.port(Service::Primary)))).label("cls", SCOPE),
    ];
    for (at, member) in etcd.members().iter().enumerate() {
        targets.push(target("etcd", member.address(), &format!("etcd-{}", at + 1)));
    }
    for node in nodes {
        let name = node.member.name();
        targets.push(target("node", node_exporter.address(), name));
        targets.push(target("patroni", node.member.rest(), name));
        targets.push(target("pg", node.exporters[0].address(), name));
        targets.push(target("pgbouncer", node.exporters[1].address(), name));
    }
    targets
}
