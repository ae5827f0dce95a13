"""Situations of transaction ids, dead rows, sequences and indexes."""

from backgrounds import APP, ORDERS, objects
from labels import FOUR, OURS, PLAIN, PODS
from promtool import Area
from servers import cluster, lone
from values import Rise

AREA = Area("objects", "Transaction ids, dead rows, sequences and indexes")
TWO = (PLAIN, OURS)
situation = AREA.situation


def everywhere(servers, metric, value, **own):
    """Sets a series of all servers, whose standbys have the primary's files."""
    for server in servers:
        server.set(metric, value, **own)


s = situation("XID age of 900 M on a primary and two standbys", FOUR, every=5)
everywhere(cluster(s, 2, objects), "pg_db_age", 900_000_000, **APP)
s.expect(10).expect(30, "PostgresXidAge warning")

s = situation("XID age of 300 M, vacuum against wraparound runs", every=5)
server = lone(s, objects).set("pg_db_age", 300_000_000, **APP)
server.set("pg_vacuuming_phase", 1, pid="77", **ORDERS)
s.expect(30)

s = situation("XID age of 1.1 G where autovacuum freezes at 1 G", every=5)
server = lone(s, objects).set("pg_db_age", 1_100_000_000, **APP)
server.set("pg_setting_autovacuum_freeze_max_age", 1_000_000_000)
s.expect(30)

s = situation("XID age past vacuum_failsafe_age", TWO, every=5)
everywhere(cluster(s, 2, objects), "pg_db_age", 1_650_000_000, **APP)
s.expect(10).expect(30, "PostgresXidAge warning", "PostgresVacuumFailsafeAge critical")

s = situation("multixact age past vacuum_multixact_failsafe_age", every=5)
lone(s, objects).set("pg_db_mxid_age", 1_650_000_000, **APP)
s.expect(30, "PostgresMultixactAge warning", "PostgresVacuumFailsafeAge critical")

s = situation("vacuum_failsafe_age of 0", every=5)
lone(s, objects).set("pg_db_age", 205_000_000, **APP).set("pg_setting_vacuum_failsafe_age", 0)
s.expect(30)

s = situation("XIDs run out within a day", every=5)
everywhere(cluster(s, 1, objects), "pg_db_age", Rise(1_000_000_000, 1_200_000), **APP)
s.expect(100, "PostgresXidAge warning", "PostgresXidExhaustionSoon critical")

s = situation("slot of a standby that is away holds back the xmin horizon", TWO, every=5)
primary, _ = cluster(s, 1, objects)
primary.set("pg_xmin_age_xids", 30_000_000, holder="slot", name="standby3")
s.expect(30, "PostgresXminHorizonStuck warning")

s = situation("query of a standby with hot_standby_feedback", every=5)
primary, standby = cluster(s, 1, objects)
primary.set("pg_xmin_age_xids", 20_000_000, holder="slot", name="standby2")
standby.set("pg_xmin_age_xids", 20_000_000, holder="backend", **APP)
s.expect(30, "PostgresXminHorizonStuck warning")

s = situation("query of a standby without hot_standby_feedback", every=5)
_, standby = cluster(s, 1, objects)
standby.set("pg_xmin_age_xids", 20_000_000, holder="backend", **APP)
s.expect(30)

s = situation("prepared transaction forgotten for 2 hours", every=5)
primary, _ = cluster(s, 1, objects)
primary.set("pg_prepared_transactions", 1, **APP).set("pg_prepared_max_age_seconds", Rise(7200, 60), **APP)
s.expect(30, "PostgresPreparedTransactionOld warning")

s = situation("transaction prepared a minute ago", every=5)
server = lone(s, objects).set("pg_prepared_transactions", 1, **APP)
server.set("pg_prepared_max_age_seconds", Rise(0, 60), **APP)
s.expect(30)

s = situation("autovacuum off in all of a cluster", TWO, every=5)
everywhere(cluster(s, 2, objects), "pg_setting_autovacuum", 0)
s.expect(10).expect(30, "PostgresAutovacuumOff warning")

s = situation("autovacuum off for a load of 10 minutes", every=5)
lone(s, objects).set("pg_setting_autovacuum", {0: 1, 11: 0, 22: 1})
s.expect(20).expect(35)

s = situation("autovacuum off by a storage parameter", every=5)
primary, _ = cluster(s, 1, objects)
primary.set("pg_table_n_dead_tup", 3_000_000, **ORDERS).set("pg_autovacuum_disabled_tables", 1, **APP)
s.expect(55).expect(80, "PostgresDeadTuples info")

s = situation("vacuum of many dead rows runs", every=5)
server = lone(s, objects).set("pg_table_n_dead_tup", 3_000_000, **ORDERS)
server.set("pg_vacuuming_phase", 1, pid="77", **ORDERS)
s.expect(80)

s = situation("vacuum of many dead rows runs in another database", every=5)
server = lone(s, objects).set("pg_table_n_dead_tup", 3_000_000, **ORDERS)
server.set("pg_vacuuming_phase", 1, datname="app", pid="77", relname="16422")
s.expect(80)

s = situation("rows of many tables as relname other", every=10, step=5)
server = lone(s, objects)
for metric in ("n_live_tup", "n_dead_tup", "n_mod_since_analyze"):
    server.set(f"pg_table_{metric}", 9_000_000, datname="app", relname="other")
s.expect(390)

s = situation("COPY into a table for 7 hours", every=10, step=5)
server = lone(s, objects).set("pg_table_n_mod_since_analyze", Rise(4_000_000, 10_000), **ORDERS)
server.set("pg_copying_processes", 1, command="COPY FROM", **ORDERS)
s.expect(390)

s = situation("statistics of a table that nothing analyzes", every=10, step=5)
lone(s, objects).set("pg_table_n_mod_since_analyze", 4_000_000, **ORDERS)
s.expect(350).expect(390, "PostgresStatisticsStale info")

s = situation("initial load, analyzed an hour later", every=10, step=5)
primary, _ = cluster(s, 1, objects)
primary.set("pg_table_n_mod_since_analyze", {0: 0, 11: 30_000_000, 72: 0}, **ORDERS)
primary.set("pg_table_n_live_tup", {0: 0, 11: 30_000_000}, **ORDERS).set("pg_table_n_dead_tup", 0, **ORDERS)
s.expect(60).expect(390)

s = situation("table with 40 GB of bloat on three servers", every=10, step=5)
servers = cluster(s, 2, objects)
everywhere(servers, "pg_table_bloat_ratio", 0.8, **ORDERS)
everywhere(servers, "pg_table_bloat_size", 5e10, **ORDERS)
s.expect(390, "PostgresBloat info")

s = situation("CREATE INDEX CONCURRENTLY for 3 hours, which standbys do not see", TWO, every=5)
primary, *standbys = cluster(s, 2, objects)
primary.set("pg_indexing_phase", 2, pid="77", **ORDERS)
everywhere(standbys, "pg_index_waste_invalid", 1, **APP)
s.expect(80)

s = situation("REINDEX TABLE CONCURRENTLY of five indexes for 3 hours", every=5)
server = lone(s, objects).set("pg_indexing_phase", 2, pid="77", **ORDERS)
server.set("pg_index_waste_invalid", 4, **APP)
s.expect(80)

s = situation("CREATE INDEX CONCURRENTLY has failed", (PLAIN, OURS, PODS), every=5)
everywhere(cluster(s, 2, objects), "pg_index_waste_invalid", 1, **APP)
s.expect(55).expect(80, "PostgresInvalidIndex warning")

s = situation("sequences unreadable in three databases", FOUR, every=5)
for server in cluster(s, 2, objects):
    for database, count in (("app", 12), ("web", 3), ("shop", 1)):
        server.set("pg_seq_used_unreadable", count, datname=database)
s.expect(55).expect(80, "PostgresSequencesUnreadable warning")

s = situation("sequence at 96 % on a primary and two standbys", TWO, every=5)
everywhere(cluster(s, 2, objects), "pg_seq_used_max_ratio", 0.96, **APP)
s.expect(30, "PostgresSequenceExhaustion warning", "PostgresSequenceExhaustion critical")

s = situation("rows in a default partition", every=5)
everywhere(cluster(s, 2, objects), "pg_defpart_tuples", 300, datname="app", relname="public.orders_default")
s.expect(80, "PostgresDefaultPartitionRows info")
