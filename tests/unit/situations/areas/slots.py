"""Situations of replication slots."""

from labels import FOUR, OURS, PLAIN
from promtool import Area
from servers import cluster, slot_labels

AREA = Area("slots", "Replication slots")
TWO = (OURS, PLAIN)
LOST = "PostgresSlotLost critical"
NEARLY_LOST = "PostgresSlotNearlyLost critical"
MIB = 2**20


def situation(name, schemes=(OURS,)):
    """A situation whose rules are evaluated each 2 minutes."""
    return AREA.situation(name, schemes, every=2)


def failover_slot(situation):
    """A logical slot that is synchronised to two standbys, as PostgreSQL 17 can."""
    primary, *standbys = cluster(situation, 2)
    primary.slot("app", logical=True, pid=900).send("app", "10.9.0.1", 900, user="app")
    for standby in standbys:
        standby.slot("app", logical=True, active=0, retained=5e9, synced=1)
    return primary, *standbys


s = situation("synchronised slot on PostgreSQL 17")
failover_slot(s)
s.expect(20).expect(60)

s = situation("failover slot lost on the primary and its standbys")
own = slot_labels("app", logical=True)
for server in failover_slot(s):
    server.change(10, "pg_slot_wal_status", 3, **own)
    if not server.standby:
        server.end(10, "pg_repl_", appname="app").end(10, "pg_slot_retained_bytes", slot_name="app")
        server.change(10, "pg_slot_active", 0, **own)
s.expect(9).expect(20, LOST)


def limited(situation, limit, safe):
    """A cluster whose slots may retain so much, with what is left for the slot of its standby."""
    primary, _ = cluster(situation, 1)
    return primary.set("pg_setting_max_slot_wal_keep_size", limit).slot("s2", safe=safe)


s = situation("small slot limit with a healthy slot", FOUR)
limited(s, 1024 * MIB, 1000 * MIB)
s.expect(20)

s = situation("slot limit of four WAL files")
limited(s, 64 * MIB, 60 * MIB)
s.expect(20)

s = situation("slot nearly lost under a limit of 1 GiB")
limited(s, 1024 * MIB, {0: 1000 * MIB, 10: 100 * MIB})
s.expect(9).expect(20, NEARLY_LOST)

s = situation("slot nearly lost under a limit of 100 GiB")
limited(s, 102400 * MIB, {0: 99000 * MIB, 10: 15000 * MIB})
s.expect(9).expect(20, NEARLY_LOST)

s = situation("slot without a limit")
limited(s, -1, None)
s.expect(20)

s = situation("slot of a consumer that is gone is lost")
server = limited(s, 1024 * MIB, None)
server.slot("old", active=0, retained={0: 900 * MIB, 10: None}, status={0: 1, 10: 3}, safe={0: 124 * MIB, 10: None})
s.expect(8, NEARLY_LOST).expect(20, LOST).expect(30, LOST)

s = situation("slot without a consumer retains 3 GB", TWO)
cluster(s, 1)[0].slot("dead", active=0, retained={0: 10**6, 10: 3e9})
s.expect(20).expect(30, "PostgresSlotInactive warning")

s = situation("slots near their limit", (PLAIN,))
primary, *_ = cluster(s, 2)
primary.set("pg_setting_max_replication_slots", 3).slot("x", 10)
s.expect(9).expect(20, "PostgresSlotsHigh warning")
