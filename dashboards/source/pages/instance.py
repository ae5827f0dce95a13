"""One instance: status, headroom, workload."""

from common import NO_NODE, disks, texts_of, version
from load import load, load_by_wait
from mappings import ON, ROLE, UP, texts
from page import CHECKPOINT, LATE, Page, alerts_firing, alerts_over_time, annotation, marks, unlabelled
from panels import graph, names, stat
from parts import exactly
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, CONNECTIONS, DEADLOCKS, IDLE_IN_TRANSACTION, LOCK_WAITS, LONG_TRANSACTION, LAG_SECONDS, above


def growth(counter):
    """Growth of a counter in the selected range by query, with the query's text."""
    return f"((sum by (datname, query) (increase({counter}{{@ins}}[$__range])) > 0) * on (query) group_left (text) {texts_of('@ins')})"


page = Page("instance", "One instance: status, headroom, workload, waits, WAL, host.", scope="instance", tags=["pg-instance"],
            annotations=[*marks(), annotation("Requested checkpoint", "orange", "increase(pg_checkpointer_req{@ins}[R]) > 0", CHECKPOINT, enable=False)])

durability = stat("Durability settings", "fsync or full_page_writes off: a crash can corrupt data. autovacuum off: wraparound risk. data_checksums off: corruption goes undetected; pg_checksums enables them while the server is stopped.",
                  ("pg_setting_fsync{@ins}", "fsync"), ("pg_setting_full_page_writes{@ins}", "full_page_writes"), ("pg_setting_autovacuum{@ins}", "autovacuum"), ("pg_setting_data_checksums{@ins}", "data_checksums"),
                  unit="none", maps=ON, link="settings", w=7, h=3)
# Many servers run without them, and it is no fault of today.
durability["fieldConfig"]["overrides"] = [exactly("data_checksums", [("mappings", texts(_0="blue:off", _1="green:on"))])]

page.row(
    None,
    stat("Status", "Result of the last health query. If down, see Down reason.", ("pg_up{@ins}", ""), unit="none", maps=UP, w=3, h=3),
    stat("Role", "A primary accepts writes, a standby is read-only.", ("pg_in_recovery{@ins}", ""), unit="none", maps=ROLE, link="replication", w=3, h=3),
    names("Down reason", "Reason while the instance is unreachable: refused, timeout, auth, starting, too many connections.", "pg_up_reason{@ins}", "reason", none="–", usual="–", link="exporter", w=3, h=3),
    names("PostgreSQL version", "Minor releases fix bugs, including data-loss bugs: stay current.", version("@ins", "ins"), "version", w=3, h=3),
    stat("Uptime", "Time since the server started. If nobody planned the restart, it was a crash: check the server log.", ("pg_uptime{@ins}", ""), unit="s", w=3, h=3),
    alerts_firing("@ins", w=3, h=3),
    stat("Connection usage", "Client connections as % of max_connections minus reserved slots. At 100 % new sessions are refused.", ("pg_connection_used_ratio{@ins}", ""), unit="percentunit", decimals=0, steps=above(CONNECTIONS), link="activity", w=3, h=3),
    stat("Replay lag", "Replay delay of this standby. 0 on a primary.", ("pg_lag{@ins}", ""), unit="s", steps=above(LAG_SECONDS), link="replication", w=3, h=3),
    durability,
    stat("Sessions", "Sessions that are active and idle in transaction.",
         ('sum(pg_activity_count{@ins,state="active"})', "Active"), ('sum(pg_activity_count{@ins,state=~"idle in transaction.*"})', "Idle in transaction"),
         unit="short", link="activity", w=5, h=3),
    stat("Blocked sessions", "Sessions waiting for a lock that another session holds. Sessions & locks shows who blocks whom.", ("sum(pg_blocking_blocked_sessions{@ins})", ""), unit="short", steps=above(LOCK_WAITS), link="activity", w=3, h=3),
    stat("Pending restart", "Parameters changed in the configuration but not in effect until restart.", ("pg_setting_pending_restart{@ins}", ""), unit="short", steps=ANY_IS_A_WARNING, link="settings", w=3, h=3),
    stat("Last reload", "Time since the configuration was loaded.", ("pg_conf_reload_time{@ins}", ""), unit="s", link="settings", w=3, h=3),
    unlabelled(page.targets, h=3, w=3),
    stat("Longest transaction", "Age of the oldest open transaction. It holds its locks and prevents vacuum from removing dead rows.", ("max(pg_activity_max_tx_duration{@ins})", ""), unit="s", steps=above(LONG_TRANSACTION), link="activity", w=5, h=3),
    stat("Longest idle in transaction", "Longest time a session is idle in an open transaction: usually an application that forgot to COMMIT.",
         ('max(pg_activity_max_duration{@ins,state=~"idle in transaction.*"})', ""), unit="s", steps=above(IDLE_IN_TRANSACTION), link="activity", w=5, h=3),
    stat("Buffer cache hit ratio", "Block requests served from shared buffers. A drop means that the working set no longer fits, or that a new query scans a large table.",
         ("sum(increase(pg_db_blks_hit{@ins}[$__range])) / sum(increase(pg_db_blks_access{@ins}[$__range]))", ""), unit="percentunit", decimals=1, w=5, h=3),
    stat("Temp file bytes (range)", "Bytes that sorts and hashes spilled to disk. A high value means that work_mem is too small or that a plan is poor.", ("sum(increase(pg_db_temp_bytes{@ins}[$__range]))", ""), unit="bytes", w=5, h=3),
    stat("Deadlocks (range)", "Sessions taking locks in different order.", ("sum(increase(pg_db_deadlocks{@ins}[$__range]))", ""), unit="short", decimals=0, steps=above(DEADLOCKS), link="activity", w=4, h=3),
)
page.row(
    "DB load and top queries",
    load_by_wait("@ins", link="activity", w=10, h=10),
    table("Top queries", "Queries with the most execution time in the selected range; the share is of all queries. Select a query ID for its trends.", ["datname", "query", "text"],
          Column("Share", f"{growth('pg_query_exec_time')} / scalar(sum(increase(pg_query_exec_time{{@ins}}[$__range])))", "percentunit", decimals=1),
          Column("Mean time", f"{growth('pg_query_exec_time')} / {growth('pg_query_calls')}", "s"),
          Column("Calls", growth("pg_query_calls"), decimals=0),
          Column("Total time", growth("pg_query_exec_time"), "s"),
          sort="-Share", links={"query": ("query", "datname", "query"), "datname": ("database", "datname")},
          widths={"datname": 90, "query": 195, "text": 240}, none="Needs pg_stat_statements", w=14, h=10),
)
page.row(
    "Members and databases",
    table("Cluster members", "Select an instance to drill down.", ["ins"],
          Column("Up", "min by (ins) (pg_up{@cls})", maps=UP),
          Column("Role", "max by (ins) (pg_in_recovery{@cls})", maps=ROLE),
          Column("TPS", "sum by (ins) (rate(pg_db_xact_total{@cls}[R]))", "ops"),
          Column("DB load", load("@cls", "ins"), decimals=1),
          sort="Instance", links={"ins": ("instance", "ins")}, w=10, h=7),
    table("Databases", f"Select a database to drill down. {LATE}", ["ins", "datname"],
          Column("Size", 'max by (ins, datname) (pg_size_bytes{@ins,datname!~"wal|log"})', "bytes"),
          Column("Sessions", "max by (ins, datname) (pg_db_numbackends{@ins})", decimals=0),
          Column("TPS", "sum by (ins, datname) (rate(pg_db_xact_total{@ins}[R]))", "ops"),
          Column("DB load", "sum by (ins, datname) (rate(pg_db_active_time{@ins}[R]))", decimals=2),
          Column("Deadlocks", "sum by (ins, datname) (increase(pg_db_deadlocks{@ins}[$__range]))", decimals=0, steps=above(DEADLOCKS)),
          sort="-DB load", links={"datname": ("database", "datname")}, hide=("ins",), w=14, h=7),
)
page.row(
    "Workload",
    graph("Transactions per second", "Commits and rollbacks, and commits 1 day ago.",
          ("sum(rate(pg_db_xact_commit{@ins}[R]))", "Commits"), ("sum(rate(pg_db_xact_rollback{@ins}[R]))", "Rollbacks"), ("sum(rate(pg_db_xact_commit{@ins}[R] offset 1d))", "Commits, 1 day ago"), unit="ops"),
    graph("Mean transaction time", "Mean active time of a transaction. If it grows at the same TPS, look at waits, then at queries.",
          ("sum(rate(pg_db_active_time{@ins}[R])) / sum(rate(pg_db_xact_total{@ins}[R]))", "Now"),
          ("sum(rate(pg_db_active_time{@ins}[R] offset 1d)) / sum(rate(pg_db_xact_total{@ins}[R] offset 1d))", "1 day ago"), unit="s", none="Needs PostgreSQL 14+"),
    graph("Connections", "Client connections, and max_connections minus reserved slots.", ("pg_connection_used{@ins}", "Used"), ("pg_connection_usable{@ins}", "Available to clients"), unit="short", link="activity"),
    graph("Backends by type", "Client backends and server processes: autovacuum workers, WAL senders, parallel workers (pg_stat_activity.backend_type).", ("sum by (type) (pg_backend_count{@ins})", "{{type}}"), unit="short", stack=True),
    graph("Sessions by state", "A pile-up of active sessions means they are waiting (see DB load); sessions idle in transaction hold locks.",
          ('sum by (state) (pg_activity_count{@ins,state!~"disabled|fastpath.*"})', "{{state}}"), unit="short", stack=True, link="activity"),
    graph("Tuples returned, fetched, changed", "Returned far above fetched: scans reading many rows for few results.",
          ("sum(rate(pg_db_tup_returned{@ins}[R]))", "Returned"), ("sum(rate(pg_db_tup_fetched{@ins}[R]))", "Fetched"), ("sum(rate(pg_db_tup_modified{@ins}[R]))", "Changed"), unit="rowsps"),
    graph("Buffer requests", "Blocks requested, and blocks that were not in shared buffers.", ("sum(rate(pg_db_blks_access{@ins}[R]))", "Requested"), ("sum(rate(pg_db_blks_read{@ins}[R]))", "Read from disk/OS cache"), unit="ops", w=12),
    graph("I/O time", "Average sessions waiting for reads and writes. Close to the active sessions: storage is the bottleneck.",
          ("sum(rate(pg_db_blk_read_time{@ins}[R]))", "Reads"), ("sum(rate(pg_db_blk_write_time{@ins}[R]))", "Writes"), unit="short", none="Needs track_io_timing", w=12),
)
page.row(
    "WAL, checkpoints and alerts",
    graph("WAL generation", "WAL bytes and full-page images per second. Many images after each checkpoint: checkpoints are too frequent.",
          ("rate(pg_wal_bytes{@ins}[R])", "WAL"), ("rate(pg_wal_fpi{@ins}[R])", "Full-page images"), unit="Bps", right=("Full-page images", "ops"), link="persist"),
    graph("Checkpoints per hour", "Requested checkpoints mean that max_wal_size is too small for the workload.",
          ("rate(pg_checkpointer_timed{@ins}[R]) * 3600", "Timed"), ("rate(pg_checkpointer_req{@ins}[R]) * 3600", "Requested"), unit="short", link="persist"),
    graph("Parallel workers: planned vs. launched", "Fewer launched than planned: max_parallel_workers is too small, and queries run slower than their plans expect.",
          ("sum(rate(pg_db_parallel_workers_to_launch{@ins}[R]))", "Planned"), ("sum(rate(pg_db_parallel_workers_launched{@ins}[R]))", "Launched"), unit="ops", none="Needs PostgreSQL 18+"),
    alerts_over_time("@ins", h=5),
)
page.row(
    "Host",
    disks("@ins", None, "instance", h=6),
    graph("CPU usage by mode", "A high iowait means slow storage; a high steal means a busy hypervisor.",
          ('avg by (mode) (rate(node_cpu_seconds_total{@ins,mode!="idle"}[R]))', "{{mode}}"), unit="percentunit", stack=True, top=1, none=NO_NODE % "instance"),
    graph("Disk latency", "Mean time of a read and a write by device. Above a few ms on SSD: overloaded.",
          ("rate(node_disk_read_time_seconds_total{@ins}[R]) / rate(node_disk_reads_completed_total{@ins}[R])", "{{device}} read"),
          ("rate(node_disk_write_time_seconds_total{@ins}[R]) / rate(node_disk_writes_completed_total{@ins}[R])", "{{device}} write"), unit="s", down="write$", none=NO_NODE % "instance"),
    graph("Available memory", "Memory available without swapping, and total memory.", ("node_memory_MemAvailable_bytes{@ins}", "Available"), ("node_memory_MemTotal_bytes{@ins}", "Total"), unit="bytes", none=NO_NODE % "instance"),
)
