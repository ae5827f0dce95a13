"""Patroni, etcd and HAProxy as their healthy metrics show them."""

from targets import Target
from values import Rise

MEMBER = dict(
    version=40105,
    primary=0,
    replica=1,
    standby_leader=0,
    postgres_running=1,
    postgres_streaming=1,
    postgres_state=5,
    cluster_unlocked=0,
    is_paused=0,
    failsafe_mode_is_active=0,
    pending_restart=0,
    dcs_last_seen=Rise(-5, 60),
)
LEADER = dict(primary=1, replica=0, postgres_streaming=0)
SINCE = {0: 0, 10: 1}
UNTIL = {0: 1, 10: 0}
HAPROXY_STATES = ("UP", "DOWN", "MAINT", "DRAIN", "NOLB")


def patroni_labels(number, scope="{cluster}"):
    """The labels that Patroni gives its metrics of a member."""
    return dict(scope=scope, name=f"{scope}-{number}")


class Patroni(Target):
    """A member of a cluster of Patroni: by default a streaming replica."""

    def __init__(self, number, scope="{cluster}", member=None, labels=None, **values):
        super().__init__("patroni", number, cluster=scope, labels=labels)
        self.member = patroni_labels(member or number, scope)
        self.show(**MEMBER | values)

    def show(self, **values):
        """Sets values of the member."""
        for metric, value in values.items():
            self.set(f"patroni_{metric}", value, **self.member)
        return self


def patroni_cluster(situation, first=1, standbys=2, **same):
    """A leader and its replicas."""
    members = [Patroni(first, **same, **LEADER)] + [Patroni(first + number, **same) for number in range(1, standbys + 1)]
    situation.add(*members)
    return members


class Etcd(Target):
    """A member of etcd."""

    def __init__(self, number):
        super().__init__("etcd", number, cluster="etcd-{cluster}")
        self.number = number
        self.set("etcd_server_has_leader", 1).set("etcd_server_leader_changes_seen_total", 2)
        self.size(50e6, 40e6).set("etcd_server_quota_backend_bytes", 2**31)
        self.set("etcd_server_proposals_failed_total", 0)
        self.latency("disk_wal_fsync", 0.004).latency("disk_backend_commit", 0.008)

    def latency(self, metric, seconds):
        """Shows how long something takes each time."""
        self.drop(f"etcd_{metric}_duration_seconds_bucket")
        for bound in (0.004, 0.008, 0.256, 0.512, "+Inf"):
            rate = 100 if bound == "+Inf" or seconds <= bound else 0
            self.set(f"etcd_{metric}_duration_seconds_bucket", Rise(0, rate), le=str(bound))
        return self

    def size(self, total, used):
        """Sets the size of the database."""
        self.set("etcd_mvcc_db_total_size_in_bytes", total)
        return self.set("etcd_mvcc_db_total_size_in_use_in_bytes", used)

    def peers(self, slow=()):
        """Shows round trips to the other two members; those to the slow ones take 0.4 s."""
        for peer in {1, 2, 3} - {self.number}:
            for le in ("0.0064", "0.4096", "+Inf"):
                rate = 0 if le == "0.0064" and peer in slow else 100
                self.set("etcd_network_peer_round_trip_time_seconds_bucket", Rise(0, rate), To=f"peer{peer}", le=le)
        return self


def etcd_cluster(situation):
    """Three members of etcd."""
    members = [Etcd(number) for number in (1, 2, 3)]
    situation.add(*members)
    return members


class Haproxy(Target):
    """An HAProxy. `backends`: for each the state of its servers, or a dictionary of states by minute."""

    def __init__(self, number, backends, queue=0):
        super().__init__("haproxy", number)
        self.set("haproxy_process_start_time_seconds", 1000)
        self.set("haproxy_process_current_connections", 20).set("haproxy_process_max_connections", 500)
        for proxy, servers in backends.items():
            self.set("haproxy_backend_current_queue", queue, proxy=proxy)
            for server, state in servers.items():
                self.server(proxy, server, state if isinstance(state, dict) else {0: state})

    def server(self, proxy, server, states):
        """Shows a server of a backend."""
        own = dict(proxy=proxy, server=server)
        for state in HAPROXY_STATES:
            value = {minute: int(state == now) for minute, now in states.items()}
            self.set("haproxy_server_status", value, state=state, **own)
        self.set("haproxy_server_check_up_down_total", 1, **own)


def services(primary, replica):
    """The two services of a cluster: the states of its servers in each."""

    def named(states):
        return {f"{{cluster}}-{number}": state for number, state in enumerate(states, 1)}

    return {"{cluster}-primary": named(primary), "{cluster}-replica": named(replica)}
