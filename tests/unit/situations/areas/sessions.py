"""Situations of sessions and locks."""

from backgrounds import APP, ORDERS, sessions
from hosts import Node
from labels import EXTRA, FOUR, OURS, PLAIN, PODS
from promtool import Area
from servers import cluster, lone
from values import Rise, turns

AREA = Area("sessions", "Sessions and locks")
ACTIVE = dict(datname="app", state="active")
IDLE = dict(datname="app", state="idle in transaction")
RELATION = dict(datname="app", locktype="relation")
SHARED = dict(datname="app", mode="AccessShareLock")
TWO = (PLAIN, OURS)
situation = AREA.situation

s = situation("lock table three quarters full", (*FOUR, EXTRA))
primary, _ = cluster(s, 1, sessions)
primary.set("pg_lock_table_entries", 4800).set("pg_lock_count", 5000, **SHARED)
s.expect(4).expect(10, "PostgresLockTableFilling warning")

s = situation("fast-path locks of 1000 partitions on PostgreSQL 18")
lone(s, sessions).set("pg_lock_count", 6000, **SHARED).set("pg_lock_table_entries", 40)
s.expect(10)

s = situation("lock table full, exporter without pg_lock_table_entries")
lone(s, sessions).drop("pg_lock_table_entries").set("pg_lock_count", 6000, **SHARED)
s.expect(10, "PostgresLockTableFilling warning")

s = situation("autovacuum of one table for 7 hours", TWO, every=5)
server = lone(s, sessions).set("pg_vacuuming_elapsed_seconds", Rise(25200, 60), pid="4711", **ORDERS)
server.set("pg_vacuuming_phase", 1, pid="4711", **ORDERS)
s.expect(30).expect(60)

s = situation("transaction of 10 hours, active and idle by turns", TWO)
server = lone(s, sessions)
server.set("pg_activity_max_tx_duration", turns(0, 30, 4, (0, Rise(36000, 60)), (2, 2)), **ACTIVE)
server.set("pg_activity_max_tx_duration", turns(0, 30, 4, (0, 1), (2, Rise(36000, 60))), **IDLE)
for minute in (10, 17):
    s.expect(minute, "PostgresLongTransaction warning", "PostgresLongTransaction critical")

s = situation("session idle in a transaction for 2 hours", (PLAIN, PODS))
server = lone(s, sessions).set("pg_activity_max_tx_duration", Rise(7202, 60), **IDLE)
server.set("pg_activity_max_duration", Rise(7200, 60), **IDLE)
s.expect(10, "PostgresIdleInTransaction warning", "PostgresIdleInTransaction critical")

s = situation("report of 40 minutes")
lone(s, sessions).set("pg_activity_max_tx_duration", {0: Rise(0, 60), 41: 2}, **ACTIVE)
s.expect(29).expect(38, "PostgresLongTransaction warning").expect(45)

s = situation("report of 40 minutes on a standby")
_, standby = cluster(s, 1, sessions)
standby.set("pg_activity_max_tx_duration", {0: Rise(0, 60), 41: 2}, **ACTIVE)
s.expect(38, "PostgresLongTransaction warning")

s = situation("session waits 2 hours for a lock of an idle one", TWO)
server = lone(s, sessions).set("pg_lock_wait_max_seconds", Rise(7200, 60), **RELATION)
server.set("pg_lock_wait_processes", 1, **RELATION).set("pg_blocking_blocked_sessions", 1, **APP)
server.set("pg_activity_max_tx_duration", Rise(7201, 60), **ACTIVE)
server.set("pg_activity_max_tx_duration", Rise(7300, 60), **IDLE).set("pg_activity_max_duration", Rise(7290, 60), **IDLE)
s.expect(
    10,
    "PostgresLockWaitLong warning",
    "PostgresLongTransaction warning",
    "PostgresIdleInTransaction warning",
    "PostgresIdleInTransaction critical",
)

s = situation("replay waits 1 hour for a query of a standby")
_, standby = cluster(s, 1, sessions)
standby.set("pg_lock_wait_max_seconds", Rise(3600, 60), datname="_system", locktype="relation")
standby.set("pg_activity_max_tx_duration", Rise(3700, 60), **ACTIVE)
s.expect(10, "PostgresLockWaitLong warning", "PostgresLongTransaction warning")

s = situation("ALTER TABLE holds up 25 sessions for a minute")
server = lone(s, sessions).set("pg_blocking_blocked_sessions", {0: 0, 6: 25, 8: 0}, **APP)
server.set("pg_lock_wait_max_seconds", {5: Rise(5, 60), 7: None}, **RELATION)
s.expect(6).expect(10)

s = situation("pile-up of 25 sessions in two databases", TWO)
primary, _ = cluster(s, 1, sessions)
primary.set("pg_blocking_blocked_sessions", 15, **APP).set("pg_blocking_blocked_sessions", 10, datname="web")
primary.set("pg_lock_wait_max_seconds", Rise(5, 60), datname="app", locktype="transactionid")
s.expect(10, "PostgresLockWaits warning", "PostgresLockWaits critical")

s = situation("87 of 90 connections beside 10 reserved ones")
lone(s, sessions).set("pg_connection_used_ratio", 0.9667)
s.expect(10, "PostgresConnectionsHigh warning", "PostgresConnectionsHigh critical")

s = situation("database with 9 of its 10 connections")
lone(s, sessions).set("pg_db_numbackends", 9, datname="small").set("pg_db_conn_limit", 10, datname="small")
s.expect(4).expect(10, "PostgresDatabaseConnectionsHigh warning")

s = situation("one deadlock")
lone(s, sessions).set("pg_db_deadlocks", {0: 7, 11: 8}, **APP)
s.expect(12).expect(20)

s = situation("four deadlocks", TWO)
lone(s, sessions).set("pg_db_deadlocks", {0: 7, 11: 8, 12: 9, 13: 10, 14: 11}, **APP)
s.expect(9).expect(16, "PostgresDeadlocks warning").expect(28)

s = situation("program that ends reads with ROLLBACK, as yesterday", every=10)
server = lone(s, sessions).set("pg_db_xact_rollback", Rise(0, 3000), **APP)
server.set("pg_db_xact_total", Rise(0, 6000), **APP)
s.expect(1470)

s = situation("half of all transactions fail since a release", every=10)
server = lone(s, sessions).set("pg_db_xact_total", Rise(0, 6000), **APP)
server.set("pg_db_xact_rollback", {0: Rise(0, 60), 1441: Rise(87000, 3000)}, **APP)
s.expect(1430).expect(1480, "PostgresRollbackRatioHigh info")

s = situation("planned restart ends 60 sessions")
server = lone(s, sessions)
server.stop(10, 11)
server.set("pg_db_sessions_killed", {0: 3, 10: None, 11: 63}, **APP)
s.expect(12, "PostgresRestarted info").expect(17).expect(28)

s = situation("administrator ends 60 sessions")
lone(s, sessions).set("pg_db_sessions_killed", {0: 3, 11: 63}, **APP)
s.expect(9).expect(15, "PostgresSessionsFailing warning").expect(28)

s = situation("cluster with a recorded threshold of its own")
lone(s, sessions).set("pg_connection_used_ratio", 0.6)
lone(s, sessions, first=2, cluster="pg-other", system="7002").set("pg_connection_used_ratio", 0.6)
s.threshold("PostgresConnectionsHigh", "warning", 0.5)
s.expect(10, "PostgresConnectionsHigh warning")

# A rate over a minute needs two samples in it.
s = situation("sessions that use twice the CPUs of their host", TWO, step=0.5)
lone(s, sessions).set("pg_db_active_time", Rise(0, 480), **APP)
node = s.add(Node(1))
for cpu in range(4):
    node.set("node_cpu_seconds_total", Rise(0, 60), cpu=str(cpu), mode="idle")
s.expect(20, "PostgresLoadHigh warning", "PostgresLoadHigh critical")
