//! What Debian has of the architecture beside the databases.

/// A program that the lab takes from a newer Debian than this machine's, with all its libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Etcd,
    HaProxy,
    Alertmanager,
    Victoria,
    SyslogNg,
    VipManager,
    NodeExporter,
    Blackbox,
    Dnsmasq,
}

impl Component {
    pub(crate) const ALL: [Component; 9] = [
        Self::Etcd,
        Self::HaProxy,
        Self::Alertmanager,
        Self::Victoria,
        Self::SyslogNg,
        Self::VipManager,
        Self::NodeExporter,
        Self::Blackbox,
        Self::Dnsmasq,
    ];

    /// The suite that has the wanted version: etcd 3.5, HAProxy 3.0, syslog-ng 4.8, Alertmanager 0.33, VictoriaMetrics 1.145,
    /// vip-manager 1.0, node_exporter 1.9, blackbox_exporter 0.26, dnsmasq 2.9.
    pub(crate) fn suite(self) -> &'static str {
        match self {
            Self::Etcd | Self::HaProxy | Self::SyslogNg | Self::NodeExporter | Self::Blackbox | Self::Dnsmasq => {
                "trixie"
            }
            Self::Alertmanager | Self::Victoria => "sid",
            Self::VipManager => "bookworm",
        }
    }

    /// Name of the package, and of its folder in the cache.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Etcd => "etcd-server",
            Self::HaProxy => "haproxy",
            Self::Alertmanager => "prometheus-alertmanager",
            Self::Victoria => "victoria-metrics",
            // Depends on the rest of it.
            Self::SyslogNg => "syslog-ng-mod-http",
            Self::VipManager => "vip-manager",
            Self::NodeExporter => "prometheus-node-exporter",
            Self::Blackbox => "prometheus-blackbox-exporter",
            // Without what starts it with the system.
            Self::Dnsmasq => "dnsmasq-base",
        }
    }
}
