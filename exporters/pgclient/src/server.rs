//! The servers that a target names: host, address and port of each.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use tokio_postgres::config::Host;

use crate::conninfo::parameters::Parameters;
use crate::error::TargetError;

const DEFAULT_PORT: u16 = 5432;

/// One server; its `Display` is its label, `host:port` or `/socket/folder:port`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerAddress {
    pub host: Host,
    /// Where to connect instead of looking up the host's name.
    pub address: Option<IpAddr>,
    pub port: u16,
}

/// The other end of a socket.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl ServerAddress {
    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.host, Host::Unix(_)) && self.address.is_none()
    }

    /// Whether its host has to be looked up.
    pub(crate) fn has_name(&self) -> bool {
        matches!(self.host, Host::Tcp(_)) && self.address.is_none()
    }

    /// The host's name as text, or the folder of the Unix socket.
    pub(crate) fn host_name(&self) -> String {
        match &self.host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        }
    }

    /// The host names that match it in the password file.
    pub(crate) fn names_in_password_file(&self) -> Vec<String> {
        let socket = self.is_unix().then(|| "localhost".to_owned());
        std::iter::once(self.host_name()).chain(socket).collect()
    }

    /// The peer to connect to at one of its addresses.
    pub(crate) fn peer(&self, address: Option<IpAddr>) -> Peer {
        match address {
            Some(address) => Peer::Tcp(SocketAddr::new(address, self.port)),
            None => Peer::Unix(PathBuf::from(self.host_name()).join(format!(".s.PGSQL.{}", self.port))),
        }
    }

    /// The addresses to try in turn; `None` for a Unix socket.
    pub(crate) async fn addresses(&self) -> io::Result<Vec<Option<IpAddr>>> {
        match (&self.host, self.address) {
            (_, Some(address)) => Ok(vec![Some(address)]),
            (Host::Unix(_), None) => Ok(vec![None]),
            (Host::Tcp(name), None) => {
                let mut addresses = Vec::new();
                for address in tokio::net::lookup_host((name.as_str(), self.port)).await? {
                    if !addresses.contains(&Some(address.ip())) {
                        addresses.push(Some(address.ip()));
                    }
                }
                Ok(addresses)
            }
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.host_name();
        match self.host {
            Host::Tcp(_) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            _ => write!(f, "{name}:{}", self.port),
        }
    }
}

/// The servers of a target.
#[derive(Clone)]
pub(crate) enum Servers {
    Given(Vec<ServerAddress>),
    /// The server whose Unix socket is in one of the folders, else localhost. Checked at every connect, since a server
    /// that is down has no socket.
    Local {
        socket_folders: Vec<PathBuf>,
        port: u16,
    },
}

impl Servers {
    pub(crate) fn from_parameters(parameters: &Parameters, socket_folders: &[PathBuf]) -> Result<Self, TargetError> {
        let hosts = list(parameters, "host");
        let addresses = list(parameters, "hostaddr");
        let ports = list(parameters, "port");
        let count = hosts.len().max(addresses.len());
        if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
            let problem = format!("expected one per host, found {} for {} hosts", addresses.len(), hosts.len());
            return Err(TargetError::value("hostaddr", problem));
        }
        if ports.len() > 1 && ports.len() != count {
            let problem = format!("expected one port, or one per host, found {} for {count} hosts", ports.len());
            return Err(TargetError::value("port", problem));
        }
        if count == 0 {
            return Ok(Self::Local { socket_folders: socket_folders.to_vec(), port: port(&ports, 0)? });
        }
        let servers = (0..count).map(|index| {
            let address = addresses.get(index).map(|text| address(text, index)).transpose()?;
            let host = match (hosts.get(index), address) {
                (Some(name), _) => host(name, index)?,
                (None, Some(address)) => Host::Tcp(address.to_string()),
                (None, None) => Host::Tcp("localhost".to_owned()),
            };
            Ok(ServerAddress { host, address, port: port(&ports, index)? })
        });
        Ok(Self::Given(servers.collect::<Result<_, TargetError>>()?))
    }

    /// The servers to try now.
    pub(crate) fn list(&self) -> Vec<ServerAddress> {
        match self {
            Self::Given(servers) => servers.clone(),
            Self::Local { socket_folders, port } => {
                let folder = socket_folders.iter().find(|folder| folder.join(format!(".s.PGSQL.{port}")).exists());
                let host =
                    folder.map_or_else(|| Host::Tcp("localhost".to_owned()), |folder| Host::Unix(folder.clone()));
                vec![ServerAddress { host, address: None, port: *port }]
            }
        }
    }
}

fn list<'a>(parameters: &'a Parameters, name: &str) -> Vec<&'a str> {
    parameters.get(name).map(|value| value.split(',').map(str::trim).collect()).unwrap_or_default()
}

fn host(name: &str, index: usize) -> Result<Host, TargetError> {
    match name {
        "" => Err(TargetError::value("host", format!("host {} of the list is empty", index + 1))),
        _ if name.starts_with('@') => Err(TargetError::value("host", "abstract Unix sockets ('@…') are not supported")),
        _ if name.starts_with('/') => Ok(Host::Unix(name.into())),
        // A host is shown on pages and in the log; a URL in its place may have a password.
        _ if name.contains("://") || name.contains('@') => {
            Err(TargetError::value("host", "expected a host name, found a URL: give the URL as the whole conninfo"))
        }
        // The same for a list of parameters as other drivers write it.
        _ if name.contains(|c: char| c == ';' || c == '=' || c.is_ascii_whitespace()) => {
            let problem =
                "expected a host name, found several parameters (separate key=value pairs by spaces, not ';')";
            Err(TargetError::value("host", problem))
        }
        _ => Ok(Host::Tcp(name.to_owned())),
    }
}

fn address(text: &str, index: usize) -> Result<IpAddr, TargetError> {
    text.parse()
        .map_err(|_| TargetError::value("hostaddr", format!("address {} of the list is not an IP address", index + 1)))
}

/// The port of the server at `index`. A single port is for all servers, an empty one means the default.
fn port(ports: &[&str], index: usize) -> Result<u16, TargetError> {
    match ports.get(index).or_else(|| ports.first().filter(|_| ports.len() == 1)) {
        None | Some(&"") => Ok(DEFAULT_PORT),
        Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            TargetError::value("port", format!("port {} of the list is not a number from 1 to 65535", index + 1))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<String, String> {
        let parameters = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let servers = Servers::from_parameters(&parameters, &[]).map_err(|error| error.to_string())?;
        Ok(servers.list().iter().map(ServerAddress::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn parses_lists_of_hosts_and_ports() {
        assert_eq!(labels(&[("host", "h1,h2"), ("port", "1,2")]).unwrap(), "h1:1 h2:2");
        assert_eq!(labels(&[("host", "h1,h2"), ("port", "1")]).unwrap(), "h1:1 h2:1");
        assert_eq!(labels(&[("host", "h1,/tmp"), ("port", ",2")]).unwrap(), "h1:5432 /tmp:2");
        assert_eq!(labels(&[("hostaddr", "::1")]).unwrap(), "[::1]:5432");
        assert_eq!(labels(&[("port", "5433")]).unwrap(), "localhost:5433");
    }

    #[test]
    fn rejects_bad_hosts_and_ports() {
        assert_eq!(
            labels(&[("port", "s3cret")]).unwrap_err(),
            "port: port 1 of the list is not a number from 1 to 65535"
        );
        assert!(labels(&[("host", "a"), ("port", "0")]).is_err());
        assert!(labels(&[("host", "a"), ("port", "65536")]).is_err());
        assert!(labels(&[("host", "a,b"), ("port", "1,2,3")]).is_err());
        assert!(labels(&[("host", "a,,b")]).is_err());
        for url in ["postgres://u:s3cret@h/d", "u:s3cret@h"] {
            let error = labels(&[("host", url)]).unwrap_err().to_string();
            assert!(error.contains("found a URL") && !error.contains("s3cret"), "{error}");
        }
        assert!(labels(&[("host", "a,b"), ("hostaddr", "127.0.0.1")]).is_err());
        assert!(labels(&[("hostaddr", "db1")]).is_err());
    }

    #[test]
    fn finds_local_server_by_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [PathBuf::from("/nonexistent"), folder.path().to_owned()];
        let servers = Servers::from_parameters(&Parameters::new(), &folders).unwrap();
        assert_eq!(servers.list()[0].to_string(), "localhost:5432");
        std::fs::write(folder.path().join(".s.PGSQL.5432"), "").unwrap();
        assert_eq!(servers.list()[0].to_string(), format!("{}:5432", folder.path().display()));
    }
}
