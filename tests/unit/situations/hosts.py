"""A host and what runs beside PostgreSQL on it, as healthy exporters show them."""

from targets import Target
from values import Rise


class Node(Target):
    """A host with node_exporter, with two file systems by default."""

    def __init__(self, number, disks=True, labels=None):
        super().__init__("node", number, labels=labels)
        self.set("node_boot_time_seconds", 1000).set("node_time_seconds", Rise(0, 60))
        self.set("node_timex_offset_seconds", 0.0001).set("node_vmstat_oom_kill", 0)
        if disks:
            self.file_system().file_system("/", "/dev/sda2", "ext4")

    def file_system(
        self, mount="/data", device="/dev/sdb1", kind="xfs", *, available=60e9, size=100e9, files=10**6, free=900_000, read_only=0
    ):
        """Shows a file system."""
        own = dict(device=device, mountpoint=mount, fstype=kind)
        self.set("node_filesystem_avail_bytes", available, **own).set("node_filesystem_size_bytes", size, **own)
        self.set("node_filesystem_files", files, **own).set("node_filesystem_files_free", free, **own)
        return self.set("node_filesystem_readonly", read_only, **own)

    def unit(self, name, **states):
        """Shows a unit of systemd."""
        for state, value in states.items():
            self.set("node_systemd_unit_state", value, name=name, state=state, type="simple")
        return self


class Exporter(Target):
    """An exporter of which only that it is up matters."""

    def __init__(self, component, number, labels=None):
        super().__init__(component, number, labels=labels)
        metric = dict(pgbouncer="pgbouncer_up", vector="vector_uptime_seconds", haproxy="haproxy_process_start_time_seconds")
        self.set(metric[component], 1)


class Vector(Target):
    """A Vector that reads the log of a server: `lines` so far."""

    def __init__(self, number, lines):
        super().__init__("vector", number)
        self.set("vector_uptime_seconds", Rise(100, 60))
        self.source("postgres_csv", lines).source("patroni", 0).source("own_metrics", Rise(0, 30), "internal_metrics")
        self.set(
            "vector_component_errors_total",
            0,
            component_kind="source",
            component_id="postgres_csv",
            component_type="file",
            error_type="reader_failed",
        )
        self.set("vector_buffer_size_bytes", 1000, component_id="loki")
        self.set("vector_buffer_max_size_bytes", 1_000_000, component_id="loki")

    def source(self, name, events, kind="file"):
        """Shows the events that a source has received."""
        own = dict(component_kind="source", component_id=name, component_type=kind)
        return self.set("vector_component_received_events_total", events, **own)
