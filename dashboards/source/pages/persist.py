"""WAL, checkpoints, I/O and XIDs of one instance."""

from page import CHECKPOINT, Page, alerts_firing, alerts_over_time, annotation, marks, pg_wal
from panels import bars, graph, stat
from promql import ranked
from thresholds import ANY_IS_BAD, CHECKPOINT_REQUESTED, XID_AGE, XID_SHARE, XMIN, above

# Before PostgreSQL 16 there is no pg_stat_io, and the writers are counted in buffers.
BLOCK = "on (cls, ins) pg_setting_block_size{@ins} unless on (cls, ins) pg_io_write_bytes{@ins}"

page = Page("persist", "WAL, checkpoints, buffer writes, I/O and XID wraparound.", scope="instance", tags=["pg-instance"],
            annotations=[*marks(), annotation("Requested checkpoint", "orange", "increase(pg_checkpointer_req{@ins}[R]) > 0", CHECKPOINT, enable=False)])

page.row(
    None,
    stat("Last checkpoint", "Time since the last checkpoint started. A server without writes makes none. Crash recovery replays the WAL written since.", ("pg_checkpoint_elapse{@ins}", ""), unit="s"),
    stat("WAL since last checkpoint", "WAL that crash recovery would replay.", ("clamp_min(pg_lsn{@ins} - pg_checkpoint_redo_lsn{@ins}, 0)", ""), unit="bytes"),
    stat("Requested checkpoint ratio", "Checkpoints in the selected range that were requested rather than timed. Above 50 %: raise max_wal_size. Up to three are not counted: each base backup requests one.",
         ("(increase(pg_checkpointer_req{@ins}[$__range]) > bool 3.5) * increase(pg_checkpointer_req{@ins}[$__range]) / (increase(pg_checkpointer_req{@ins}[$__range]) + increase(pg_checkpointer_timed{@ins}[$__range]) > 0)", ""), unit="percentunit", steps=above(CHECKPOINT_REQUESTED), none="No checkpoint in this range"),
    stat("Checksum failures", "Checksum failures of all databases. If > 0, disk or memory corrupts data.", ("sum(pg_db_cks_fails{@ins} >= 0)", ""), unit="short", steps=ANY_IS_BAD, none="Data checksums are off"),
    stat("XID age", "XID age of the oldest database as % of 2^31 (2.1 billion XIDs), where PostgreSQL accepts no more writes.", ("max(pg_db_age{@ins}) / 2147483648", ""), unit="percentunit", steps=above(XID_SHARE)),
    stat("MXID age", "Age of the oldest multixact as % of 2^31: a second wraparound, consumed by foreign keys and row locks.", ("max(pg_db_mxid_age{@ins}) / 2147483648", ""), unit="percentunit", steps=above(XID_SHARE)),
    stat("Time to XID wraparound", "Time until the oldest database stops accepting writes. Estimated at the XID rate of the selected range, if nothing is frozen; it has no color, since vacuum freezes. XID age shows whether it does.",
         ("(2147483648 - max(pg_db_age{@ins})) / clamp_min(max(rate(pg_xact_xmax{@ins}[$__range])), 0.001)", ""), unit="s"),
    stat("xmin horizon age (XIDs)", "XIDs since the oldest snapshot that vacuum has to respect. Sessions & locks names the holder.", ("max(pg_xmin_age_xids{@ins})", ""), unit="short", steps=above(XMIN), link="activity", none="None"),
    stat("pg_wal size", "Size of the WAL directory.", ("sum(pg_wal_dir_bytes{@ins})", ""), unit="bytes"),
    stat("pg_wal size / max_wal_size", "Size of the WAL directory as % of max_wal_size and wal_keep_size together. Far above 100 %: a slot, the archiver or a standby retains WAL.", ("sum(pg_wal_dir_bytes{@ins}) / (max(pg_setting_max_wal_size{@ins}) + max(pg_setting_wal_keep_size{@ins}))", ""), unit="percentunit", steps=above((2, 4)), link="backup"),
    stat("Backend fsyncs (range)", "Files that sessions had to sync themselves because the checkpointer's queue was full. On PostgreSQL 17 and later index builds count, too (pg_stat_io).", ('sum(increase(pg_bgwriter_buffers_backend_fsync{@ins}[$__range])) or sum(increase(pg_io_fsyncs{@ins,type="client backend",object="relation"}[$__range]))', ""), unit="short", decimals=0),
    alerts_firing("@ins"),
    alerts_over_time("@ins"),
)
page.row(
    "Checkpoints and buffer writes",
    graph("Checkpoints per hour", "Checkpoints by cause. Requested ones mean that max_wal_size is too small for the workload.", ("rate(pg_checkpointer_timed{@ins}[R]) * 3600", "Timed"), ("rate(pg_checkpointer_req{@ins}[R]) * 3600", "Requested"), unit="short"),
    graph("Checkpoint write and sync time", "Time that checkpoints wrote and synced files, counted when they end. A high sync time: storage cannot keep up with the writes.", ("increase(pg_checkpointer_write_time{@ins}[R])", "Write"), ("increase(pg_checkpointer_sync_time{@ins}[R])", "Sync"), unit="s"),
    graph("Restartpoints per hour", "Restartpoints are the checkpoints of a standby.", ("rate(pg_checkpointer_restartpoints_timed{@ins}[R]) * 3600", "Timed"), ("rate(pg_checkpointer_restartpoints_req{@ins}[R]) * 3600", "Requested"),
          ("rate(pg_checkpointer_restartpoints_done{@ins}[R]) * 3600", "Done"), unit="short", none="Needs PostgreSQL 17+"),
    graph("Data written by process", "Bytes of tables and indexes per second (pg_stat_io; before PostgreSQL 16 pg_stat_bgwriter, where Backends are all others). Client backends that write wait for storage: raise bgwriter_lru_maxpages, or add memory.",
          ('sum by (type) (rate(pg_io_write_bytes{@ins,object="relation"}[R])) > 0', "{{type}}"), (f"rate(pg_checkpointer_buffers_written{{@ins}}[R]) * {BLOCK}", "Checkpointer"),
          (f"rate(pg_bgwriter_buffers_clean{{@ins}}[R]) * {BLOCK}", "Background writer"), (f"rate(pg_bgwriter_buffers_backend{{@ins}}[R]) * {BLOCK}", "Backends"), unit="Bps", stack=True),
    graph("Bgwriter maxwritten_clean", "Rounds per minute that stopped at bgwriter_lru_maxpages.", ("rate(pg_bgwriter_maxwritten_clean{@ins}[R]) * 60", "Stopped rounds"), unit="short"),
    graph("Buffers allocated", "Buffers per second.", ("rate(pg_bgwriter_buffers_alloc{@ins}[R])", "Allocated"), unit="ops"),
)
page.row(
    "WAL",
    graph("WAL generation", "WAL bytes and records per second.", ("rate(pg_wal_bytes{@ins}[R])", "Bytes"), ("rate(pg_wal_records{@ins}[R])", "Records"), unit="Bps", right=("Records", "ops")),
    graph("Full-page images", "Images per second. Many after each checkpoint: checkpoints are too frequent; wal_compression reduces their size.", ("rate(pg_wal_fpi{@ins}[R])", "Images"), unit="ops"),
    graph("WAL buffers full", "Times per second that a session had to write WAL because the WAL buffers were full: raise wal_buffers.", ("rate(pg_wal_buffers_full{@ins}[R])", "Buffers full"), unit="ops"),
    graph("WAL writes and syncs", "Operations per second.", ('sum(rate(pg_wal_write{@ins}[R])) or sum(rate(pg_io_writes{@ins,object="wal"}[R]))', "Writes"), ('sum(rate(pg_wal_sync{@ins}[R])) or sum(rate(pg_io_fsyncs{@ins,object="wal"}[R]))', "Syncs"), unit="ops"),
    graph("Mean WAL sync time", "The disk part of commit latency.", ('sum(rate(pg_wal_sync_time{@ins}[R])) / sum(rate(pg_wal_sync{@ins}[R])) or sum(rate(pg_io_fsync_time{@ins,object="wal"}[R])) / sum(rate(pg_io_fsyncs{@ins,object="wal"}[R]))', "Sync"), unit="s", none="Needs track_wal_io_timing"),
    graph("Database, WAL and log size", "The 10 largest of databases, WAL and logs, and max_wal_size.", (ranked(10, "pg_size_bytes{@ins}", "avg_over_time(pg_size_bytes{@ins}[$__range] @ end())"), "{{datname}}"), ("pg_setting_max_wal_size{@ins}", "max_wal_size"), unit="bytes"),
    pg_wal(),
    graph("WAL archiving", "WAL files per minute archived, and failed attempts.", ("rate(pg_archiver_finish_count{@ins}[R]) * 60", "Archived"), ("rate(pg_archiver_failed_count{@ins}[R]) * 60", "Failed"), unit="short", link="backup"),
    graph("Temp file bytes by database", "Bytes per second that sorts and hashes spilled to disk, of the 10 databases with most in the range.", (ranked(10, "rate(pg_db_temp_bytes{@ins}[R])", "rate(pg_db_temp_bytes{@ins}[$__range] @ end())"), "{{datname}}"), unit="Bps", link=("database", "ins", "datname")),
)
page.row(
    "I/O (pg_stat_io)",
    graph("Reads and writes by backend type", "Operations per second: reads above zero, writes below.", ("sum by (type) (rate(pg_io_reads{@ins}[R])) > 0", "{{type}} reads"), ("sum by (type) (rate(pg_io_writes{@ins}[R])) > 0", "{{type}} writes"), unit="ops", down="writes$", none="Needs PostgreSQL 16+"),
    graph("Reads by I/O context", "bulkread: large sequential scans; vacuum; normal: all other.", ("sum by (context) (rate(pg_io_reads{@ins}[R])) > 0", "{{context}}"), unit="ops", stack=True, none="Needs PostgreSQL 16+"),
    graph("Read and write throughput", "Bytes per second: read above zero, written below.", ("sum(rate(pg_io_read_bytes{@ins}[R]))", "Read"), ("sum(rate(pg_io_write_bytes{@ins}[R]))", "Written"), unit="Bps", down="^Written$", none="Needs PostgreSQL 16+"),
    graph("Mean I/O latency", "Mean time of a read and a write. Above a few ms on SSD: overloaded.", ("sum(rate(pg_io_read_time{@ins}[R])) / sum(rate(pg_io_reads{@ins}[R]))", "Read"),
          ("sum(rate(pg_io_write_time{@ins}[R])) / sum(rate(pg_io_writes{@ins}[R]))", "Write"), unit="s", none="Needs PostgreSQL 16+ and track_io_timing"),
    graph("Buffer evictions by context", "Many evictions and a low hit ratio: shared_buffers is too small.", ("sum by (context) (rate(pg_io_evictions{@ins}[R])) > 0", "{{context}}"), unit="ops", stack=True, none="Needs PostgreSQL 16+"),
    graph("SLRU reads", "SLRU cache misses. subtransaction: savepoints of a long transaction; multixact: row locks.", ("rate(pg_slru_blks_read{@ins}[R]) > 0", "{{name}}"), unit="ops", none="No SLRU reads"),
)
page.row(
    "XIDs and host",
    graph("XID age by database", "A sawtooth that drops at autovacuum_freeze_max_age is healthy. The 10 oldest databases of the range.", (ranked(10, "pg_db_age{@ins}", "avg_over_time(pg_db_age{@ins}[$__range] @ end())"), "{{datname}}"), ("pg_setting_autovacuum_freeze_max_age{@ins}", "autovacuum_freeze_max_age"), unit="short", steps=above(XID_AGE), link=("database", "ins", "datname")),
    graph("XIDs consumed per second", "Each savepoint and each subtransaction that writes consumes one, too.", ("rate(pg_xact_xmax{@ins}[R])", "Consumed"), unit="ops"),
    graph("xmin horizon age by holder", "XIDs since the oldest snapshot that vacuum has to respect.", ("max by (holder) (pg_xmin_age_xids{@ins})", "{{holder}}"), unit="short", steps=above(XMIN), none="None", link="activity"),
    graph("Disk latency", "Mean time of a read and a write by device. Above a few ms on SSD: overloaded.", ("rate(node_disk_read_time_seconds_total{@ins}[R]) / rate(node_disk_reads_completed_total{@ins}[R])", "{{device}} read"),
          ("rate(node_disk_write_time_seconds_total{@ins}[R]) / rate(node_disk_writes_completed_total{@ins}[R])", "{{device}} write"), unit="s", down="write$", none="No node_exporter target with this instance label"),
    bars("Filesystem usage", "A full file system stops PostgreSQL.", ('1 - node_filesystem_avail_bytes{@ins,fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes{@ins,fstype!~"tmpfs|overlay"}', "{{mountpoint}}"), unit="percentunit", steps=above((0.8, 0.9)), top=1, none="No node_exporter target with this instance label"),
    bars("Inode usage", "Without free inodes no file can be created.", ('1 - node_filesystem_files_free{@ins,fstype!~"tmpfs|overlay"} / node_filesystem_files{@ins,fstype!~"tmpfs|overlay"}', "{{mountpoint}}"), unit="percentunit", steps=above((0.8, 0.9)), top=1, none="No node_exporter target with this instance label"),
)
