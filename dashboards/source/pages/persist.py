"""WAL, checkpoints, I/O and transaction ids of one server."""

from page import Page, alerts_firing, annotation, marks
from panels import bars, graph, stat
from thresholds import ANY_IS_BAD, CHECKPOINT_REQUESTED, XID_AGE, XID_DAYS_LEFT, XID_SHARE, XMIN, above, below

page = Page("pg-persist", "PostgreSQL persistence", "WAL, checkpoints, who reads and writes, and how far transaction ids are from their end.", scope="instance", tags=["pg-instance"],
            annotations=[*marks(), annotation("Checkpoint requested", "orange", "increase(pg_checkpointer_req{@ins}[R]) > 0", "WAL filled max_wal_size, or somebody ordered it")])

page.row(
    None,
    stat("Since the last checkpoint", "Time since the last checkpoint began. Recovery after a crash replays what was written since.", ("pg_checkpoint_elapse{@ins}", ""), unit="s", steps=above((1800, 7200))),
    stat("WAL since checkpoint", "Bytes that recovery after a crash would replay.", ("pg_lsn{@ins} - pg_checkpoint_redo_lsn{@ins}", ""), unit="bytes"),
    stat("Requested checkpoints", "Share of checkpoints in the shown range that were not due by time. Above a half: raise max_wal_size.",
         ("increase(pg_checkpointer_req{@ins}[$__range]) / (increase(pg_checkpointer_req{@ins}[$__range]) + increase(pg_checkpointer_timed{@ins}[$__range]) > 0)", ""), unit="percentunit", steps=above(CHECKPOINT_REQUESTED), none="no checkpoint in this time"),
    stat("Damaged pages", "Pages found with a wrong checksum, of all databases. Any: the disk or memory damages data.", ("sum(pg_db_cks_fails{@ins} >= 0)", ""), unit="short", steps=ANY_IS_BAD, none="checksums are off"),
    stat("Transaction age", "Age of the oldest database by 2^31.", ("max(pg_db_age{@ins}) / 2147483648", ""), unit="percentunit", steps=above(XID_SHARE)),
    stat("Multixact age", "Age of the oldest multixact by 2^31: the second wraparound, that foreign keys and row locks consume.", ("max(pg_db_mxid_age{@ins}) / 2147483648", ""), unit="percentunit", steps=above(XID_SHARE)),
    stat("Time to wraparound", "Time until the oldest database would stop taking writes, at the pace of the shown range and if nothing is frozen.",
         ("(2147483648 - max(pg_db_age{@ins})) / clamp_min(max(rate(pg_xact_xmax{@ins}[$__range])), 0.001)", ""), unit="s", steps=below(XID_DAYS_LEFT)),
    stat("Vacuum is held back by", "Transactions since the oldest whose rows somebody may still need. The activity page names who.", ("max(pg_xmin_age_xids{@ins})", ""), unit="short", steps=above(XMIN), link="pg-activity", none="nobody"),
    stat("WAL on disk", "Bytes of the WAL directory.", ("sum(pg_wal_dir_bytes{@ins})", ""), unit="bytes"),
    stat("WAL by max_wal_size", "Far above 1: a slot, the archiver or a standby keeps WAL.", ("sum(pg_wal_dir_bytes{@ins}) / max(pg_setting_max_wal_size{@ins})", ""), unit="percentunit", steps=above((2, 4)), link="pg-backup"),
    stat("Fsync by backends", "Times in the shown range that a session had to sync a file itself, since the checkpointer's queue was full.", ("increase(pg_bgwriter_buffers_backend_fsync{@ins}[$__range])", ""), unit="short", decimals=0, steps=ANY_IS_BAD, none="gone with PostgreSQL 17"),
    alerts_firing("@ins"),
)
page.row(
    "Checkpoints and buffers",
    graph("Checkpoints", "Checkpoints per hour by cause.", ("rate(pg_checkpointer_timed{@ins}[R]) * 3600", "timed"), ("rate(pg_checkpointer_req{@ins}[R]) * 3600", "requested"), unit="short"),
    graph("Time in checkpoints", "Share of time that a checkpoint writes, and syncs. Much sync: the disk cannot take what is written.", ("rate(pg_checkpointer_write_time{@ins}[R])", "write"), ("rate(pg_checkpointer_sync_time{@ins}[R])", "sync"), unit="percentunit"),
    graph("Restartpoints", "Restartpoints per hour of a standby: they are its checkpoints.", ("rate(pg_checkpointer_restartpoints_timed{@ins}[R]) * 3600", "timed"), ("rate(pg_checkpointer_restartpoints_req{@ins}[R]) * 3600", "requested"),
          ("rate(pg_checkpointer_restartpoints_done{@ins}[R]) * 3600", "done"), unit="short", none="needs PostgreSQL 17"),
    graph("Who writes buffers", "Buffers per second. Backends that write wait for the disk themselves: more bgwriter_lru_maxpages, or more memory.", ("rate(pg_checkpointer_buffers_written{@ins}[R])", "checkpointer"),
          ("rate(pg_bgwriter_buffers_clean{@ins}[R])", "bgwriter"), ("rate(pg_bgwriter_buffers_backend{@ins}[R])", "backends (before 17)"), unit="ops", stack=True),
    graph("Bgwriter stopped early", "Rounds per minute that ended at bgwriter_lru_maxpages.", ("rate(pg_bgwriter_maxwritten_clean{@ins}[R]) * 60", "stopped"), unit="short"),
    graph("Buffers allocated", "Buffers per second that were taken for new blocks.", ("rate(pg_bgwriter_buffers_alloc{@ins}[R])", "allocated"), unit="ops"),
)
page.row(
    "WAL",
    graph("WAL", "Bytes and records per second.", ("rate(pg_wal_bytes{@ins}[R])", "bytes"), ("rate(pg_wal_records{@ins}[R])", "records"), unit="Bps", right=("records", "ops")),
    graph("Full-page images", "Images per second. Many after each checkpoint: checkpoints come too often; wal_compression helps.", ("rate(pg_wal_fpi{@ins}[R])", "images"), unit="ops"),
    graph("WAL buffers full", "Times per second that a session had to write WAL since the buffers were full: raise wal_buffers.", ("rate(pg_wal_buffers_full{@ins}[R])", "full"), unit="ops"),
    graph("WAL writes and syncs", "Per second.", ("rate(pg_wal_write{@ins}[R])", "writes"), ("rate(pg_wal_sync{@ins}[R])", "syncs"), ('sum(rate(pg_io_writes{@ins,object="wal"}[R]))', "writes (18)"), ('sum(rate(pg_io_fsyncs{@ins,object="wal"}[R]))', "syncs (18)"), unit="ops"),
    graph("Time by WAL sync", "What each commit waits for the disk.", ("rate(pg_wal_sync_time{@ins}[R]) / rate(pg_wal_sync{@ins}[R])", "sync"),
          ('sum(rate(pg_io_fsync_time{@ins,object="wal"}[R])) / sum(rate(pg_io_fsyncs{@ins,object="wal"}[R]))', "sync (18)"), unit="s", none="needs track_wal_io_timing"),
    graph("Sizes", "Bytes on disk of the largest databases, of WAL and of logs, and max_wal_size.", ("topk(10, pg_size_bytes{@ins})", "{{datname}}"), ("pg_setting_max_wal_size{@ins}", "max_wal_size"), unit="bytes"),
    graph("WAL directory", "Bytes by what they are for.", ("sum by (state) (pg_wal_dir_bytes{@ins})", "{{state}}"), unit="bytes", stack=True),
    graph("Archiver", "Files per minute archived, and failed attempts.", ("rate(pg_archiver_finish_count{@ins}[R]) * 60", "archived"), ("rate(pg_archiver_failed_count{@ins}[R]) * 60", "failed"), unit="short", link="pg-backup"),
    graph("Temporary files", "Bytes per second that sorts and hashes spilled, by database.", ("topk(10, rate(pg_db_temp_bytes{@ins}[R]))", "{{datname}}"), unit="Bps", link=("pg-database", "ins", "datname")),
)
page.row(
    "I/O",
    graph("Reads and writes by process type", "Operations per second: reads up, writes down.", ("sum by (type) (rate(pg_io_reads{@ins}[R])) > 0", "{{type}} reads"), ("sum by (type) (rate(pg_io_writes{@ins}[R])) > 0", "{{type}} writes"), unit="ops", down="writes$", none="needs PostgreSQL 16"),
    graph("Reads by context", "Bulk reads are large scans, vacuum its own; normal ones are everybody else's.", ("sum by (context) (rate(pg_io_reads{@ins}[R])) > 0", "{{context}}"), unit="ops", stack=True, none="needs PostgreSQL 16"),
    graph("Bytes", "Bytes per second: read up, written down.", ("sum(rate(pg_io_read_bytes{@ins}[R]))", "read"), ("sum(rate(pg_io_write_bytes{@ins}[R]))", "written"), unit="Bps", down="^written$", none="needs PostgreSQL 16"),
    graph("Time by operation", "Average time of a read and a write. Above some milliseconds the device is overloaded.", ("sum(rate(pg_io_read_time{@ins}[R])) / sum(rate(pg_io_reads{@ins}[R]))", "read"),
          ("sum(rate(pg_io_write_time{@ins}[R])) / sum(rate(pg_io_writes{@ins}[R]))", "write"), unit="s", none="needs PostgreSQL 16 and track_io_timing"),
    graph("Evictions", "Buffers per second thrown out for others. Many and a low hit ratio: shared_buffers is too small.", ("sum by (context) (rate(pg_io_evictions{@ins}[R])) > 0", "{{context}}"), unit="ops", stack=True, none="needs PostgreSQL 16"),
    graph("SLRU reads", "Blocks per second of small caches that were not in memory. subtransaction: savepoints of a long transaction; multixact: row locks.", ("rate(pg_slru_blks_read{@ins}[R]) > 0", "{{name}}"), unit="ops", none="none read"),
)
page.row(
    "Transaction ids and host",
    graph("Transaction age by database", "Age of the oldest unfrozen transaction; a saw tooth that falls at autovacuum_freeze_max_age is healthy.", ("topk(10, pg_db_age{@ins})", "{{datname}}"), ("pg_setting_autovacuum_freeze_max_age{@ins}", "forced vacuum"), unit="short", steps=above(XID_AGE), link=("pg-database", "ins", "datname")),
    graph("Transaction ids consumed", "Per second. Each savepoint and each subtransaction that writes takes one, too.", ("rate(pg_xact_xmax{@ins}[R])", "consumed"), unit="ops"),
    graph("Vacuum is held back", "Transactions since the oldest whose rows somebody may still need, by holder.", ("max by (holder) (pg_xmin_age_xids{@ins})", "{{holder}}"), unit="short", steps=above(XMIN), none="nobody", link="pg-activity"),
    graph("Disk latency", "Average time of a read and a write by device.", ("rate(node_disk_read_time_seconds_total{@ins}[R]) / rate(node_disk_reads_completed_total{@ins}[R])", "{{device}} read"),
          ("rate(node_disk_write_time_seconds_total{@ins}[R]) / rate(node_disk_writes_completed_total{@ins}[R])", "{{device}} write"), unit="s", down="write$", none="no node_exporter with these labels"),
    bars("Space used", "Share of each file system that is used.", ('1 - node_filesystem_avail_bytes{@ins,fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes{@ins,fstype!~"tmpfs|overlay"}', "{{mountpoint}}"), unit="percentunit", steps=above((0.8, 0.9)), top=1, none="no node_exporter with these labels"),
    bars("Inodes used", "Share of each file system's inodes that is used.", ('1 - node_filesystem_files_free{@ins,fstype!~"tmpfs|overlay"} / node_filesystem_files{@ins,fstype!~"tmpfs|overlay"}', "{{mountpoint}}"), unit="percentunit", steps=above((0.8, 0.9)), top=1, none="no node_exporter with these labels"),
)
