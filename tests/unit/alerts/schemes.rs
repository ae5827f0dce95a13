//! The ways in which sites label their targets.

use std::collections::BTreeMap;

/// Labels of a target or an alert.
pub type Labels = BTreeMap<String, String>;

/// What is scraped on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Postgres,
    Pgbouncer,
    Pgbackrest,
    Patroni,
    Haproxy,
    Etcd,
    Vector,
    Node,
}

impl Program {
    /// Whose target an alert is about, by its name.
    pub fn of(alert: &str) -> Self {
        let starts = [
            ("Pgbouncer", Self::Pgbouncer),
            ("Backup", Self::Pgbackrest),
            ("Backrest", Self::Pgbackrest),
            ("Patroni", Self::Patroni),
            ("Haproxy", Self::Haproxy),
            ("Etcd", Self::Etcd),
            ("Vector", Self::Vector),
            ("Host", Self::Node),
            ("Disk", Self::Node),
            ("Vip", Self::Node),
        ];
        starts.iter().find(|(start, _)| alert.starts_with(start)).map_or(Self::Postgres, |(_, program)| *program)
    }

    fn job_and_port(self) -> (&'static str, usize) {
        match self {
            Self::Postgres => ("pg", 9630),
            Self::Pgbouncer => ("pgbouncer", 9631),
            Self::Pgbackrest => ("pgbackrest", 9854),
            Self::Patroni => ("patroni", 8008),
            Self::Haproxy => ("haproxy", 9101),
            Self::Etcd => ("etcd", 2379),
            Self::Vector => ("vector", 9598),
            Self::Node => ("node", 9100),
        }
    }

    /// Pigsty has one job for the programs of PostgreSQL and one for those of the host.
    fn pigsty_job(self) -> &'static str {
        match self {
            Self::Postgres | Self::Pgbouncer | Self::Pgbackrest | Self::Patroni => "pgsql",
            Self::Haproxy | Self::Vector | Self::Node => "node",
            Self::Etcd => "etcd",
        }
    }
}

/// A way to label targets.
pub struct Scheme {
    /// What it is called in messages.
    pub name: &'static str,
    /// Labels of the target of a program on a server of a cluster.
    target: fn(usize, usize, Program) -> Vec<(&'static str, String)>,
}

impl Scheme {
    pub fn labels(&self, cluster: usize, server: usize, program: Program) -> Labels {
        (self.target)(cluster, server, program).into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    /// Whether two programs of a server have a label in common that names it.
    pub fn names_servers(&self) -> bool {
        let labels = self.labels(0, 0, Program::Postgres);
        labels.contains_key("ins") || labels.contains_key("pod")
    }

    /// Whether a label names the cluster, and nothing else is needed to name it.
    pub fn names_clusters(&self) -> bool {
        self.labels(0, 0, Program::Postgres).contains_key("cls")
    }
}

/// The labels of an alert about a cluster: those that name a server are gone, the cluster's own are there.
pub fn of_cluster(mut labels: Labels, cluster: usize) -> Labels {
    for label in ["ins", "ip", "instance", "pod"] {
        labels.remove(label);
    }
    labels.insert("cluster_id".to_owned(), format!("70{cluster}"));
    labels.insert("scope".to_owned(), format!("shop-{cluster}"));
    labels
}

fn address(cluster: usize, server: usize, port: usize) -> (&'static str, String) {
    ("instance", format!("10.{cluster}.0.{server}:{port}"))
}

fn plain(cluster: usize, server: usize, program: Program) -> Vec<(&'static str, String)> {
    let (job, port) = program.job_and_port();
    vec![("job", job.to_owned()), address(cluster, server, port)]
}

fn ours(cluster: usize, server: usize, program: Program) -> Vec<(&'static str, String)> {
    let names = [
        ("cls", format!("shop-{cluster}")),
        ("ins", format!("shop-{cluster}-{server}")),
        ("ip", format!("10.{cluster}.0.{server}")),
    ];
    plain(cluster, server, program).into_iter().chain(names).collect()
}

fn pod(namespace: &str, name: String, cluster: usize, server: usize, program: Program) -> Vec<(&'static str, String)> {
    let (job, port) = program.job_and_port();
    vec![
        ("job", format!("{namespace}/{job}")),
        ("namespace", namespace.to_owned()),
        ("pod", name),
        ("container", job.to_owned()),
        ("endpoint", "metrics".to_owned()),
        address(cluster, server, port),
    ]
}

/// The schemes that the rules promise to work with.
pub const ALL: &[Scheme] = &[
    Scheme { name: "job and instance", target: plain },
    Scheme {
        name: "two servers on one host",
        target: |cluster, server, program| {
            let (job, port) = program.job_and_port();
            vec![("job", job.to_owned()), address(cluster, 1, port + 100 * server)]
        },
    },
    Scheme { name: "cls, ins and ip", target: ours },
    Scheme {
        name: "Pigsty",
        target: |cluster, server, program| {
            let job = ("job", program.pigsty_job().to_owned());
            ours(cluster, server, program).into_iter().filter(|(label, _)| *label != "job").chain([job]).collect()
        },
    },
    Scheme {
        name: "PodMonitor",
        target: |cluster, server, program| pod("db", format!("shop-{cluster}-{server}"), cluster, server, program),
    },
    Scheme {
        name: "pods of one name in several namespaces",
        target: |cluster, server, program| {
            pod(&format!("db-{cluster}"), format!("shop-{server}"), cluster, server, program)
        },
    },
    Scheme {
        name: "a label cluster from a central store",
        target: |cluster, server, program| {
            plain(0, server, program).into_iter().chain([("cluster", format!("k8s-{cluster}"))]).collect()
        },
    },
    Scheme {
        name: "regions with equal addresses",
        target: |cluster, server, program| {
            plain(0, server, program).into_iter().chain([("region", format!("region-{cluster}"))]).collect()
        },
    },
    Scheme {
        name: "regions with equal names",
        target: |cluster, server, program| {
            ours(0, server, program).into_iter().chain([("region", format!("region-{cluster}"))]).collect()
        },
    },
];
