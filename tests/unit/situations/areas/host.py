"""Situations of hosts: disks, clocks, memory, and what is gone with a host."""

from failover import LEADER, SINCE, UNTIL, Haproxy, Patroni, services
from hosts import Exporter, Node
from labels import FOUR, OURS, PIGSTY, PLAIN, PODS
from promtool import Area
from servers import Server
from targets import Other
from values import Rise

AREA = Area("host", "Hosts")
TWO = (OURS, PLAIN)
FILLING = "DiskFilling warning"
HOST_DOWN = "HostDown critical"


def situation(name, schemes=(OURS,), every=5):
    """A situation whose rules are evaluated each 5 minutes."""
    return AREA.situation(name, schemes, every)


s = situation("healthy host", FOUR)
s.add(Node(1), Exporter("pgbouncer", 1), Patroni(1, **LEADER), Haproxy(1, services(["UP"], [])), Exporter("vector", 1))
s.expect(30)

s = situation("small boot partitions that are nearly full")
node = s.add(Node(1)).file_system("/boot", "/dev/sda1", "ext4", available=20e6, size=480e6)
node.file_system("/boot/efi", "/dev/sda0", "vfat", available=1e6, size=100e6, files=0, free=0)
s.expect(30)

s = situation("mounted ISO image and snap packages", (PLAIN,))
node = s.add(Node(1))
node.file_system("/mnt/cdrom", "/dev/sr0", "iso9660", available=0, size=4e9, files=0, free=0, read_only=1)
node.file_system("/snap/core/1", "/dev/loop1", "squashfs", available=0, size=60e6, files=1000, free=0, read_only=1)
s.expect(30)

s = situation("full file system mounted read-only on purpose")
s.add(Node(1)).file_system("/archive", "/dev/sdc1", "ext4", available=0, free=0, read_only=1)
s.expect(30)

s = situation("950 GB free of 10 TB", TWO)
s.add(Node(1)).file_system("/big", "/dev/sdd1", available=950e9, size=10e12)
s.expect(30, FILLING)

s = situation("disk that fills within hours", TWO)
s.add(Node(1, disks=False)).file_system(available={0: Rise(60e9, -0.4e9), 141: 4e9})
s.expect(60).expect(100, FILLING).expect(160, FILLING, "DiskFilling critical")

s = situation("bulk load that ends")
s.add(Node(1, disks=False)).file_system(available={0: Rise(60e9, -0.5e9), 41: 40e9})
s.expect(30).expect(45).expect(110)

s = situation("inodes gone on ext4")
s.add(Node(1, disks=False)).file_system(kind="ext4", free=5)
s.expect(30, "HostInodesLow warning", "HostInodesLow critical")

s = situation("XFS that is full")
s.add(Node(1, disks=False)).file_system(available=1e9, free=9000)
s.expect(30, FILLING, "DiskFilling critical")

s = situation("host down", (OURS, PLAIN, PIGSTY))
gone = [Node(1), Exporter("pgbouncer", 1), Patroni(1), Exporter("vector", 1), Exporter("haproxy", 1)]
s.add(*(target.unreachable() for target in gone), Node(2), Exporter("pgbouncer", 2))
s.expect(10).expect(35, HOST_DOWN)

s = situation("database host down")
s.add(*(target.unreachable() for target in (Node(1), Server(1), Exporter("vector", 1))))
s.expect(35, HOST_DOWN, "PostgresUnreachable critical")

s = situation("only node_exporter down", TWO)
s.add(Node(1).unreachable(), Exporter("pgbouncer", 1), Exporter("vector", 1))
s.expect(35, "ExporterDown warning")

s = situation("host rebooted", every=1)
s.add(*(target.unreachable(10, back=12) for target in (Node(1), Exporter("pgbouncer", 1), Exporter("vector", 1))))
s.expect(10).expect(11).expect(20)

s = situation("pod of a pooler rescheduled", (PODS,), every=1)
old, new = Exporter("pgbouncer", 1).vanish(), Exporter("pgbouncer", 1)
new.host = "{network}.77"
new.set("up", {10: 0, 12: 1}).set("pgbouncer_up", {12: 1})
s.add(old, new)
s.expect(12).expect(25)

s = situation("pod whose containers cannot be scraped", (PODS,))
s.add(Exporter("pgbouncer", 1).unreachable(), Patroni(1).unreachable())
s.expect(35, "ExporterDown warning", "PatroniDown warning")

s = situation("host down, another of that address in another region", (PLAIN,))
for region, fails in (("eu", True), ("us", False)):
    for target in (Node(1, labels=dict(region=region)), Exporter("pgbouncer", 1, labels=dict(region=region))):
        s.add(target.unreachable() if fails else target)
s.expect(35, HOST_DOWN)

s = situation("file system read-only after an error")
s.add(Node(1, disks=False)).file_system(read_only=SINCE)
s.expect(35, "HostFilesystemReadOnly critical")

s = situation("process killed for lack of memory", (PLAIN,))
s.add(Node(1)).set("node_vmstat_oom_kill", {0: 3, 20: 4})
s.expect(15).expect(25, "HostOutOfMemoryKill warning")

s = situation("clock skew that the time service tells")
s.add(Node(1)).set("node_timex_offset_seconds", 0.4)
s.expect(30, "HostClockSkew warning")

s = situation("clock skew without a time service", (PLAIN,))
s.add(Node(1)).set("node_time_seconds", Rise(40, 60))
s.expect(30, "HostClockSkew warning")


def virtual_address(value, **labels):
    """A probe of a cluster's virtual address."""
    labels = dict(cls="{cluster}", instance="10.9.0.100", **labels)
    return Other(None, 0, labels=labels).set("probe_success", value)


s = situation("VIP moves to another host", every=1)
s.add(virtual_address({0: 1, 10: 0, 11: 1}, job="vip"))
s.expect(10).expect(11).expect(20)

s = situation("VIP down", (PIGSTY,))
s.add(virtual_address(UNTIL, job="ping", vip="10.9.0.100"))
s.expect(30, "VipUnreachable critical")

s = situation("vip-manager installed and not used")
s.add(Node(1)).unit("vip-manager.service", active=0, inactive=1, failed=0)
s.expect(30)

s = situation("vip-manager stopped")
s.add(Node(1)).unit("vip-manager.service", active=UNTIL, inactive=SINCE)
s.expect(30, "VipManagerDown warning")

s = AREA.situation("file system that stays read-only for two days", every=30, step=5)
s.add(Node(1, disks=False)).drop("node_boot", "node_time").file_system(read_only={0: 0, 1455: 1})
s.expect(1500, "HostFilesystemReadOnly critical").expect(2490, "HostFilesystemReadOnly critical").expect(3000)
