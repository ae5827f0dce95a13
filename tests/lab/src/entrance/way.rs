//! The whole way from name to server, its parts, and what is awaited of it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::authority::Authority;
use super::name_server::NameServer;
use super::watch::{Watch, WatchPage};
use crate::architecture::Component;
use crate::cache::Cache;
use crate::folder::Folder;
use crate::vip::{PORT, REST_PORT};
use crate::{Balancer, BouncerRelease, LabError, MONITOR_PASSWORD, Major, Namespace, PgBouncer, VipPair};

/// The name that leads to the VIP, in certificates, too.
const HOST: &str = "orders.lab";
const BALANCER_PORT: u16 = 5433;
const POOLER_PORT: u16 = 6432;
/// Until then certificates are valid, and until long ago.
pub(super) const VALID: i32 = 2100;
pub(super) const EXPIRED: i32 = 2020;

/// On a busy machine of two cores. What fails over takes longer, and is waited for by itself.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
pub(super) const POLL: Duration = Duration::from_millis(50);

/// The whole way from name to server, and an exporter on the hub. Dropping it ends everything.
#[derive(Debug)]
pub struct Entrance {
    pub(super) watch: Watch,
    // Each is replaced by another one, which needs its port.
    pub(super) name_server: Option<NameServer>,
    pub(super) balancers: Vec<Option<Balancer>>,
    pub(super) poolers: Vec<Option<PgBouncer>>,
    authority: Authority,
    /// The hosts, the address and who has it.
    pub pair: VipPair,
    folder: Folder,
}

impl Entrance {
    /// The service that goes all the way.
    pub const ORDERS: &'static str = "orders";
    /// The service that leads from the address to the pooler of its host, without HAProxy.
    pub const DIRECT: &'static str = "orders-direct";

    /// Starts everything, and waits until both services are as promised. `exporter` is the program.
    pub fn start(exporter: &Path) -> Result<Entrance, LabError> {
        // From inside a namespace nothing can be downloaded.
        let cache = Cache::open()?;
        cache.component(Component::HaProxy)?;
        cache.component(Component::Dnsmasq)?;
        cache.pgbouncer(BouncerRelease::NEWEST)?;
        cache.installation(Major::NEWEST)?;
        let (pair, folder, authority) = (VipPair::start()?, Folder::new()?, Authority::new()?);
        write(&folder, "root.crt", &authority.pem)?;
        let identifier = pair.members[0].psql("postgres", "select system_identifier from pg_control_system()")?;
        let watch = Watch::start(exporter, &services(&folder, &identifier), pair.network().hub())?;
        let (balancers, poolers) = (vec![None, None], vec![None, None]);
        let mut entrance = Entrance { watch, name_server: None, balancers, poolers, authority, pair, folder };
        for at in 0..entrance.pair.members.len() {
            entrance.start_pooler(at, VALID)?;
            entrance.start_balancer(at, &entrance.checked())?;
        }
        entrance.start_name_server(true)?;
        entrance.wait_until_well()?;
        Ok(entrance)
    }

    pub(super) fn hub(&self) -> &Namespace {
        self.pair.network().hub()
    }

    /// Starts the name server again, with the name or without it.
    pub(super) fn start_name_server(&mut self, has_name: bool) -> Result<(), LabError> {
        self.name_server = None;
        let names = [(HOST, VipPair::ADDRESS)];
        let names = if has_name { &names[..] } else { &[] };
        let hub = self.hub();
        self.name_server = Some(hub.inside(|| NameServer::start(hub.address(), names))?);
        Ok(())
    }

    /// Starts the pooler of a host again, with a certificate until that year.
    pub(super) fn start_pooler(&mut self, at: usize, until: i32) -> Result<(), LabError> {
        self.poolers[at] = None;
        let issued = self.authority.issue(HOST, until)?;
        let certificate = write(&self.folder, &format!("pooler{at}.crt"), &issued.certificate)?;
        let key = write(&self.folder, &format!("pooler{at}.key"), &issued.key)?;
        let host = &self.pair.network().hosts()[at];
        let server = format!("postgres = host={} port={PORT} dbname=postgres", host.address());
        let pooler = PgBouncer::builder(BouncerRelease::NEWEST)
            .port(POOLER_PORT)
            .database_line(&server)
            .setting("listen_addr", "*")
            .setting("client_tls_sslmode", "require")
            .setting("client_tls_cert_file", &certificate.display().to_string())
            .setting("client_tls_key_file", &key.display().to_string());
        self.poolers[at] = Some(host.inside(|| pooler.start())?);
        Ok(())
    }

    /// Starts HAProxy of a host again, before these servers.
    pub(super) fn start_balancer(&mut self, at: usize, servers: &str) -> Result<(), LabError> {
        self.balancers[at] = None;
        let bind = SocketAddr::from((Ipv4Addr::UNSPECIFIED, BALANCER_PORT));
        let host = &self.pair.network().hosts()[at];
        self.balancers[at] = Some(host.inside(|| Balancer::start_at(bind, servers))?);
        Ok(())
    }

    /// The servers of HAProxy, with Patroni's word on which is the primary.
    pub(super) fn checked(&self) -> String {
        let check = "inter 500ms fastinter 200ms downinter 200ms rise 1 fall 2 on-marked-down shutdown-sessions";
        let begin = format!(
            "  option httpchk\n  http-check send meth OPTIONS uri /primary\n  http-check expect status 200\n  default-server {check}\n"
        );
        begin + &self.servers(&format!("check port {REST_PORT}"))
    }

    /// All servers of HAProxy, with options.
    pub(super) fn servers(&self, options: &str) -> String {
        (0..self.pair.members.len()).map(|at| self.server(at, options)).collect()
    }

    pub(super) fn server(&self, at: usize, options: &str) -> String {
        let address = self.pair.network().hosts()[at].address();
        format!("  server member{at} {address}:{POOLER_PORT} {options}\n")
    }

    /// The row of hops of a service now.
    pub fn row(&self, service: &str) -> Result<String, LabError> {
        self.watch.row(self.hub(), service)
    }

    pub(super) fn failures(&self, service: &str) -> Result<BTreeMap<String, f64>, LabError> {
        Ok(self.watch.page(self.hub())?.failures(service))
    }

    /// The host that has the address, and no other has it.
    pub(super) fn holder(&self) -> Result<usize, LabError> {
        let mut holder = None;
        self.wait_until("one holder of the address", |it, _| {
            let holders = it.pair.holders()?;
            holder = holders.first().copied().filter(|_| holders.len() == 1);
            Ok(holder.is_some())
        })?;
        holder.ok_or_else(|| LabError::Unexpected("nobody has the address".into()))
    }

    /// Waits until both services are as promised.
    pub(super) fn wait_until_well(&self) -> Result<(), LabError> {
        [Self::ORDERS, Self::DIRECT].iter().try_for_each(|service| self.wait_for(service, "", |_, _| Ok(())))
    }

    pub(super) fn wait_for(
        &self,
        service: &str,
        hop: &str,
        meanwhile: fn(&Entrance, &WatchPage) -> Result<(), LabError>,
    ) -> Result<(), LabError> {
        let awaited = if hop.is_empty() { "as promised".to_owned() } else { format!("failing at {hop}") };
        self.wait_until(&format!("{service} {awaited}"), |it, page| {
            meanwhile(it, page)?;
            Ok(page.failing(service).as_deref() == Some(hop))
        })
    }

    pub(super) fn wait_until(
        &self,
        awaited: &str,
        mut is_so: impl FnMut(&Entrance, &WatchPage) -> Result<bool, LabError>,
    ) -> Result<(), LabError> {
        let deadline = Instant::now() + LIMIT;
        while !is_so(self, &self.watch.page(self.hub())?)? {
            if Instant::now() > deadline {
                let rows = [self.row(Self::ORDERS)?, self.row(Self::DIRECT)?].join("\n");
                let (name, log) = ("the way in".to_owned(), format!("{rows}\n{}", self.watch.log()));
                return Err(LabError::Late { name, awaited: awaited.to_owned(), limit: LIMIT, log });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// The services file.
fn services(folder: &Folder, identifier: &str) -> String {
    let root = folder.path().join("root.crt");
    let service = |name: &str, port: u16| {
        format!(
            "{name}:\n  url: host={HOST} port={port} dbname=postgres user=monitor password={MONITOR_PASSWORD} \
             sslmode=verify-full sslrootcert={}\n  role: primary\n  interval: 1\n  timeout: 1\n  system_identifier: {identifier}\n",
            root.display()
        )
    };
    service(Entrance::ORDERS, BALANCER_PORT) + &service(Entrance::DIRECT, POOLER_PORT)
}

/// Writes a file that every user may read.
fn write(folder: &Folder, name: &str, text: &str) -> Result<PathBuf, LabError> {
    let path = folder.path().join(name);
    fs::write(&path, text).map_err(LabError::io(format!("writing {}", path.display())))?;
    Ok(path)
}
