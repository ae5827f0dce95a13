"""Situations of archiving, checkpoints and WAL."""

from backgrounds import APP, GIB, wal
from labels import EXTRA, FOUR, OURS, PLAIN, PODS
from promtool import Area
from servers import cluster, lone
from values import Rise

AREA = Area("wal", "Archiving, checkpoints and WAL")
OLDEST = "pg_archive_status_oldest_ready_age_seconds"
TWO = (PLAIN, OURS)
situation = AREA.situation

s = situation("idle server, last WAL file archived 9 hours ago", every=5)
lone(s, wal).set("pg_archiver_finish_time", -32400).set("pg_archiver_finish_count", 100).set("pg_lsn", 10**9)
s.expect(50)

s = situation("server that has never archived yet", every=5)
lone(s, wal).drop("pg_archiver_finish_time").set("pg_archiver_finish_count", 0)
s.expect(50)

s = situation("archiving fails three times, then succeeds")
server = lone(s, wal).set("pg_archiver_failed_count", {0: 0, 11: 3}).set("pg_archiver_failed_time", {10: 600})
server.set(OLDEST, {10: 30, 11: 60, 12: None})
s.expect(12).expect(22)

s = situation("archive_command fails for 50 minutes", TWO)
primary, _ = cluster(s, 1, wal)
primary.set("pg_archiver_failed_count", {0: 0, 10: Rise(1, 2)}).set("pg_archiver_failed_time", {10: Rise(600, 60)})
primary.set("pg_archiver_finish_time", {0: Rise(0, 60), 10: 540}).set(OLDEST, {10: Rise(30, 60)})
s.expect(19).expect(40, "PostgresArchiveFailing critical", "PostgresArchiveStalled warning")

s = situation("archive_command hangs for 2 hours", every=5)
lone(s, wal).set("pg_archiver_finish_time", -7200).set(OLDEST, Rise(7100, 60))
s.expect(30, "PostgresArchiveStalled warning", "PostgresArchiveStalled critical")

s = situation("archiving off, old .ready files", every=5)
lone(s, wal).set("pg_setting_archive_mode", 0).set(OLDEST, Rise(90000, 60))
s.expect(50)

s = situation(".ready files left on a demoted primary", (*FOUR, EXTRA), every=5)
_, standby = cluster(s, 1, wal)
standby.set(OLDEST, Rise(86400, 60)).set("pg_archiver_finish_time", -86400)
s.expect(30)

s = situation("standby with archive_mode always cannot archive", every=5)
_, standby = cluster(s, 1, wal)
standby.set("pg_setting_archive_mode", 2).set(OLDEST, Rise(4000, 60))
s.expect(30, "PostgresArchiveStalled warning", "PostgresArchiveStalled critical")

s = situation("standby with archive_mode always archives", every=5)
_, standby = cluster(s, 1, wal)
standby.set("pg_setting_archive_mode", 2).set(OLDEST, 20)
s.expect(30)

s = situation("three CREATE DATABASE, two checkpoints each", TWO, every=5)
primary, _ = cluster(s, 1, wal)
primary.set("pg_checkpointer_req", {0: 5, 11: 7, 12: 9, 13: 11})
s.expect(20).expect(35)

s = situation("base backups of four standbys, a checkpoint each", every=5)
lone(s, wal).set("pg_checkpointer_req", {0: 5, 11: 6, 12: 7, 13: 8, 14: 9})
s.expect(25)

s = situation("bulk load fills max_wal_size every 3 minutes", TWO, every=5)
for server in cluster(s, 1, wal):
    server.set("pg_lsn", Rise(10**12, 300_000_000)).set("pg_checkpointer_req", Rise(5, 0.34))
s.expect(50, "PostgresCheckpointPressure warning")

s = situation("WAL position falls at a failover", every=5)
server = lone(s, wal).set("pg_lsn", {0: Rise(10**12, 1_000_000), 21: Rise(1_000_010_000_000, 1_000_000)})
server.set("pg_checkpointer_req", {0: 5, 21: 9})
s.expect(25).expect(45)

s = situation("wal_keep_size of 100 GiB", every=5)
for server in cluster(s, 1, wal):
    server.set("pg_setting_wal_keep_size", 100 * GIB).set("pg_wal_dir_bytes", 101 * GIB, state="kept")
s.expect(50)

s = situation("subscriber that lags keeps 50 GiB of WAL", (PLAIN, OURS, PODS), every=5)
server = lone(s, wal).set("pg_wal_dir_bytes", 51 * GIB, state="kept")
server.slot("warehouse", logical=True, retained=50 * GIB).slot("standby2", retained=2**24)
s.expect(30, "PostgresSlotRetentionHigh warning")

s = situation("pg_wal of 20 GiB that nothing asks for", TWO, every=5)
primary, _ = cluster(s, 1, wal)
primary.set("pg_wal_dir_bytes", 20 * GIB, state="kept").slot("s2", retained=GIB)
s.expect(10).expect(30, "PostgresWalDirectoryLarge warning")

s = situation("backends of PostgreSQL 16 call fsync", every=5)
lone(s, wal).set("pg_bgwriter_buffers_backend_fsync", Rise(0, 30))
s.expect(10).expect(30, "PostgresBackendFsync warning")

s = situation("index builds call fsync now and then", every=5)
server = lone(s, wal).set("pg_io_fsyncs", Rise(0, 50), type="client backend", object="relation", context="bulkwrite")
server.set("pg_io_fsyncs", Rise(0, 900), type="checkpointer", object="relation", context="normal")
s.expect(50)

s = situation("report spills 100 MB/s for 30 minutes", every=5)
lone(s, wal).set("pg_db_temp_bytes", {0: 0, 11: Rise(6e9, 6e9), 42: 186e9}, **APP)
s.expect(15).expect(35, "PostgresTempSpill info").expect(55)
