"""PostgreSQL servers as healthy exporters show them, and what happens to them."""

from targets import Target
from values import Distinct, Rise, between, changed, continued, segments

LSN = Rise(10**9, 10**6)
# From the system identifier follows which servers are one cluster.
SYSTEM = "70{site}1"


class Server(Target):
    """A server of which no more is shown than all situations need: what it is, and that it is well."""

    def __init__(self, number, standby=False, system=SYSTEM, boot=None, timeline=3, **names):
        super().__init__("pg", number, **names)
        self.number, self.standby = number, standby
        self.set("pg_up", 1).set("pg_in_recovery", int(standby))
        self.set("pg_meta_info", 1, cluster_id=system, version="18.1")
        self.set("pg_boot_time", Distinct(boot or 1000 + number)).set("pg_uptime", Rise(90000, 60))
        self.set("pg_timeline_id", timeline).set("pg_lsn", LSN).set("pg_lag", 0)
        self.set("pg_bgwriter_reset_time", 500).set("pg_checkpointer_reset_time", 500)
        self.set("pg_db_cks_fails", 0, datname="app")
        if standby:
            self.set("pg_replay_lsn", LSN).set("pg_is_wal_replay_paused", 0)
            self.set("pg_standby_archive_only", 0).set("pg_standby_min_apply_delay_seconds", 0)
        else:
            self.set("pg_sync_standby_enabled", 0, names="<null>").set("pg_sync_standby_required", 0)
            self.set("pg_setting_max_wal_senders", 10).set("pg_setting_max_replication_slots", 10)
            self.set("pg_setting_fsync", 1).set("pg_setting_pending_restart", 0)

    @property
    def pid(self):
        """The process that sends WAL to this standby."""
        return str(100 + self.number)

    def receive(self, host, state=0):
        """Streams from a server at an address."""
        return self.set("pg_recv_state", state, sender_host=host, sender_port="5432")

    def send(self, name, host, pid, start=0, end=None, *, state=0, sync=0, behind=0, lag=None, replays=True, user="replicator"):
        """Has a walsender from one minute until another. `behind`: bytes that are neither flushed nor replayed."""
        own = dict(appname=name, usename=user, address=host, pid=str(pid))
        values = dict(state=state, sync_state=sync, write_lsn=LSN, flush_diff=behind, replay_lag=lag)
        if replays:
            values |= dict(replay_lsn=LSN, replay_diff=behind)
        else:
            # PostgreSQL counts the time since it could have replayed something.
            values |= dict(replay_lag=900)
        for metric, value in values.items():
            if value is not None:
                self.set(f"pg_repl_{metric}", between(value, start, end), **own)
        return self

    def sender(self, standby, metric, value):
        """Changes one value of the walsender of a standby."""
        (key,) = self.select(f"pg_repl_{metric}", pid=standby.pid) or [
            (f"pg_repl_{metric}", self.select("pg_repl_state", pid=standby.pid)[0][1])
        ]
        self.series[key] = value
        return self

    def feed(self, standby, start=0, end=None, **values):
        """Streams to a standby, by a slot."""
        self.slot(f"s{standby.number}", start=start, end=end)
        standby.receive(self.host)
        return self.send(standby.name, standby.host, standby.pid, start, end, **values)

    def slot(self, name, start=0, end=None, *, logical=False, active=1, retained=10**6, status=0, pid=None, safe=None, synced=None):
        """Has a replication slot."""
        own = slot_labels(name, logical)
        values = dict(active=active, temporary=0, retained_bytes=retained, wal_status=status, active_pid=pid)
        for metric, value in (values | dict(safe_wal_size=safe, synced=synced)).items():
            if value is not None:
                self.set(f"pg_slot_{metric}", between(value, start, end), **own)
        return self

    def disconnect(self, standby, minute=10):
        """The standby's walsender ends, and its slot is without a consumer."""
        self.end(minute, "pg_repl_", pid=standby.pid)
        for key in self.select("pg_slot_active", slot_name=f"s{standby.number}"):
            self.series[key] = changed(self.series[key], minute, 0)
        return self

    def stop_receiving(self, minute=10):
        """The standby's WAL receiver ends, and it has replayed all that it has."""
        self.end(minute, "pg_recv_state")
        (key,) = self.select("pg_replay_lsn")
        replayed = continued({start: value for start, value in segments(self.series[key]) if start <= minute}, minute)
        return self.change(minute, "pg_replay_lsn", replayed.first if isinstance(replayed, Rise) else replayed)

    def promote(self, minute, timeline=None):
        """The standby becomes a primary."""
        self.end(minute, "pg_recv_state")
        if timeline:
            self.change(minute, "pg_timeline_id", timeline)
        return self.change(minute, "pg_in_recovery", 0)

    def stop(self, minute=10, back=None):
        """PostgreSQL is down from a minute until another; its exporter stays up."""
        self.lose_page(minute, back)
        self.set("pg_up", {0: 1, minute: 0} | ({back: 1} if back else {}))
        if back:
            self.change(back, "pg_boot_time", Distinct(9999)).change(back, "pg_uptime", Rise(10, 60))
        return self

    def started(self, offset):
        """The server was started at another time than one of the same number."""
        return self.set("pg_boot_time", Distinct(offset + self.number))

    def start(self, minute):
        """The server is new at a minute."""
        return self.appear(minute).set("pg_uptime", {minute: Rise(10, 60)})

    def without_server(self, minute=0):
        """Only the exporter is there, from a minute on, and reaches no PostgreSQL."""
        self.series = {("up", ()): {minute: 1}}
        return self.set("pg_up", {minute: 0})


def slot_labels(name, logical=False):
    """The labels of a replication slot."""
    own = dict(slot_name=name, slot_type="logical" if logical else "physical")
    return own | (dict(plugin="pgoutput", datname="app") if logical else {})


def cluster(situation, standbys=2, background=None, first=1, **same):
    """A primary and standbys that stream from it, each by a slot: all with one background of further series."""
    primary = Server(first, **same)
    others = [Server(first + number, standby=True, **same) for number in range(1, standbys + 1)]
    for standby in others:
        primary.feed(standby)
    if standbys:
        primary.set("pg_downstream_count", standbys, state="streaming")
    for server in (primary, *others):
        if background:
            background(server)
    situation.add(primary, *others)
    return primary, *others


def lone(situation, background=None, **names):
    """A primary without standbys."""
    (primary,) = cluster(situation, 0, background, **names)
    return primary
