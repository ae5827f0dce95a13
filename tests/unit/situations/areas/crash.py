"""Situations of crashes and restarts, role changes, checksums and settings."""

from failover import patroni_labels
from labels import FOUR, OURS, PLAIN, PODS
from promtool import Area
from servers import cluster, lone
from targets import Target
from values import steps

AREA = Area("crash", "Crashes, role changes and settings")
LOOP = "PostgresCrashLoop critical"
RESTARTED = "PostgresRestarted info"
CHANGED = "PostgresRoleChanged warning"
CHECKSUM = "PostgresChecksumFailure critical"
HOUR = 3600
situation = AREA.situation

s = situation("planned restart of the primary", FOUR)
cluster(s, 1)[0].stop(10, 11)
s.expect(10).expect(12, RESTARTED).expect(18)

s = situation("planned restart of a standby")
cluster(s, 1)[1].stop(10, 11)
s.expect(10).expect(12, RESTARTED).expect(18)


def switch(situation):
    """The first standby becomes the primary, and the second one follows it. Returns the old primary and the new one."""
    old, new, other = cluster(situation, 2)
    new.promote(10)
    for server in (old, new, other):
        server.set("pg_timeline_id", {0: 3, 11: 4})
    other.end(10, "pg_recv_state").receive(new.host, {11: 0})
    old.disconnect(new).disconnect(other).drop("pg_slot_")
    new.send(other.name, other.host, 203, 11).set("pg_sync_standby_enabled", 0, names="<null>")
    return old, new


s = situation("switchover", (OURS, PLAIN, PODS))
old, new = switch(s)
old.set("pg_in_recovery", {0: 0, 10: 1}).receive(new.host, {11: 0})
new.send(old.name, old.host, 201, 11)
s.expect(10, f"{CHANGED} 2").expect(14, f"{CHANGED} 2").expect(30)

s = situation("failover: the host of the old primary is dead", (OURS, PLAIN, PODS))
old, _ = switch(s)
old.unreachable(9)
s.expect(12, "ExporterDown warning", CHANGED)
s.expect(18, "ExporterDown warning", CHANGED, "PostgresUnreachable critical")
s.expect(30, "ExporterDown warning", "PostgresUnreachable critical")


def reset(server, background_writer, checkpointer):
    """Sets the times of the last resets of statistics, which a crash sets too."""
    server.set("pg_bgwriter_reset_time", background_writer).set("pg_checkpointer_reset_time", checkpointer)
    return server


s = situation("OOM kills a backend every 2 minutes: the postmaster restarts all others", FOUR)
crashes = {0: 500} | steps(10, 40, 2, 500, 60)
reset(lone(s), crashes, crashes)
s.expect(12).expect(16, LOOP).expect(30, LOOP)

s = situation("postmaster restarts every 2 minutes")
server = reset(lone(s), crashes, crashes).set("pg_uptime", {0: 90000, 10: 30})
server.set("pg_boot_time", {0: 1001} | steps(10, 40, 2, 1001, 60))
s.expect(12, RESTARTED).expect(20, LOOP, RESTARTED).expect(30, LOOP, RESTARTED)

s = situation("one crash of a backend")
reset(lone(s), {0: 500, 10: 1100}, {0: 500, 10: 1100})
s.expect(12).expect(25)

s = situation("statistics reset by hand twice")
reset(lone(s), {0: 500, 10: 1100, 14: 1340}, {0: 500, 11: 1160, 15: 1400})
s.expect(16).expect(25)

s = situation("pg_stat_reset_shared('bgwriter') every 5 minutes")
lone(s).set("pg_bgwriter_reset_time", {0: 500} | steps(10, 30, 5, 500, 60))
s.expect(30)

s = situation("checksums switched on", (OURS, PLAIN))
for server in cluster(s, 1):
    server.set("pg_db_cks_fails", {0: -1, 10: 0}, datname="app").set("pg_shared_cks_fails_total", {0: -1, 10: 0})
s.expect(9).expect(11).expect(20)


def failures(server, count, last):
    """Shows checksum failures of a database, and the time of the last one."""
    server.set("pg_db_cks_fails", count, datname="app").set("pg_db_cks_fail_time", last, datname="app")


s = situation("checksum failures 6 hours ago that nobody handled", FOUR)
failures(lone(s), 3, -6 * HOUR)
s.expect(2, CHECKSUM).expect(10, CHECKSUM)

s = situation("checksum failures of yesterday")
failures(lone(s), 3, -30 * HOUR)
s.expect(10)

s = situation("checksum failures handled: statistics reset")
failures(lone(s), {0: 3, 10: 0}, {0: -HOUR, 10: None})
s.expect(9, CHECKSUM).expect(12)

s = situation("checksum failure in shared catalogs", (OURS, PLAIN))
lone(s).set("pg_shared_cks_fails_total", {0: 0, 10: 1}).set("pg_shared_cks_fail_time", {10: 600})
s.expect(9).expect(12, CHECKSUM)

s = situation("setting pends restart for half an hour", (OURS, PODS), every=5)
cluster(s, 1)[0].set("pg_setting_pending_restart", 2)
s.expect(35)

s = situation("setting pends restart for a day", every=8, step=4)
lone(s).set("pg_setting_pending_restart", 2)
s.expect(1200).expect(1480, "PostgresPendingRestart info")

s = situation("setting pends restart for a day, and Patroni tells it", (OURS, PLAIN, PODS), every=8, step=4)
lone(s).set("pg_setting_pending_restart", 2)
s.add(Target("patroni", 1)).drop("up").set("patroni_pending_restart", 1, **patroni_labels(1))
s.expect(1480, "PatroniPendingRestart info")

s = situation("fsync is off")
cluster(s, 1)[0].set("pg_setting_fsync", 0)
s.expect(3).expect(10, "PostgresUnsafeSettings critical")
