"""One server: what it is, how full it is, what it does."""

from page import Page, alerts_firing, alerts_over_time, annotation, marks
from panels import Column, ON, ROLE, UP, graph, names, stat, table
from thresholds import ANY_IS_A_WARNING, CONNECTIONS, DEADLOCKS, HIT_RATIO, IDLE_IN_TRANSACTION, LOCK_WAITS, LONG_TRANSACTION, LAG_SECONDS, above, below

page = Page("pg-instance", "PostgreSQL instance", "One server: state, headroom, work, waits, WAL, host.", scope="instance", tags=["pg-instance"],
            annotations=[*marks(), annotation("Checkpoint requested", "orange", "increase(pg_checkpointer_req{@ins}[R]) > 0", "WAL filled max_wal_size, or somebody ordered it")])

page.row(
    None,
    stat("Up", "Whether a query was answered in the last scrape. Down: the reason is in the next tile but one.", ("pg_up{@ins}", ""), unit="none", maps=UP, w=3),
    stat("Role", "A primary takes writes, a standby only reads.", ("pg_in_recovery{@ins}", ""), unit="none", maps=ROLE, link="pg-replication", w=3),
    names("Why down", "The reason while the server does not answer: refused, timeout, auth, starting, too many connections.", "pg_up_reason{@ins}", "reason", none="it answers", usual="it answers", link="pg-exporter", w=3),
    names("Version", "Version of the server. A minor release behind lacks fixes, some of them for lost data.", "pg_meta_info{@ins}", "version", w=3),
    stat("Uptime", "Time since the server was started. A short time that nobody planned is a crash: read the log.", ("pg_uptime{@ins}", ""), unit="s", w=3),
    stat("Last reload", "Time since the configuration was loaded.", ("pg_conf_reload_time{@ins}", ""), unit="s", w=3),
    alerts_firing("@ins", w=3),
    stat("Restart pending", "Settings changed in the files and not yet in effect. The next restart brings a surprise.", ("pg_setting_pending_restart{@ins}", ""), unit="short", steps=ANY_IS_A_WARNING, w=3),
    stat("Safety settings", "fsync or full_page_writes off: the next crash may corrupt data. Autovacuum off: the road to wraparound. Checksums off: damage goes unseen.",
         ("pg_setting_fsync{@ins}", "fsync"), ("pg_setting_full_page_writes{@ins}", "full pages"), ("pg_setting_autovacuum{@ins}", "autovacuum"), ("pg_setting_data_checksums{@ins}", "checksums"),
         unit="none", maps=ON, w=12),
    stat("Connection use", "Client connections by those open to ordinary roles. At 1 new sessions are refused.", ("pg_connection_used_ratio{@ins}", ""), unit="percentunit", steps=above(CONNECTIONS), link="pg-activity", w=3),
    stat("Sessions now", "Sessions that work, that sit in an open transaction, and that wait for a lock.",
         ('sum(pg_activity_count{@ins,state="active"})', "active"), ('sum(pg_activity_count{@ins,state=~"idle in transaction.*"})', "idle in xact"),
         unit="short", link="pg-activity", w=5),
    stat("Waiting for locks", "Processes that wait for a lock of another session.", ('sum(pg_wait_count{@ins,event="Lock"}) or vector(0)', ""), unit="short", steps=above(LOCK_WAITS), link="pg-activity", w=4),
    stat("Longest transaction", "Age of the oldest open transaction. It holds its locks and keeps vacuum from removing rows.", ("max(pg_activity_max_tx_duration{@ins})", ""), unit="s", steps=above(LONG_TRANSACTION), link="pg-activity"),
    stat("Longest idle in transaction", "Time that a session has sat in an open transaction without doing anything: an application that forgot to commit.",
         ('max(pg_activity_max_duration{@ins,state=~"idle in transaction.*"})', ""), unit="s", steps=above(IDLE_IN_TRANSACTION), link="pg-activity"),
    stat("Hit ratio", "Share of block reads that shared buffers answered. A fall means that the working set no longer fits, or a new statement scans.",
         ("sum(increase(pg_db_blks_hit{@ins}[$__range])) / sum(increase(pg_db_blks_access{@ins}[$__range]))", ""), unit="percentunit", steps=below(HIT_RATIO)),
    stat("Temporary files in the range", "Bytes that sorts and hashes spilled to disk in the shown time range. Much: a larger work_mem or a better plan.", ("sum(increase(pg_db_temp_bytes{@ins}[$__range]))", ""), unit="bytes"),
    stat("Deadlocks in the range", "Deadlocks in the shown time range: the application takes locks in different orders.", ("sum(increase(pg_db_deadlocks{@ins}[$__range]))", ""), unit="short", decimals=0, steps=above(DEADLOCKS), link="pg-activity"),
    stat("Replay lag", "Seconds by which this standby trails; 0 on a primary.", ("pg_lag{@ins}", ""), unit="s", steps=above(LAG_SECONDS), link="pg-replication"),
)
page.row(
    "Members and databases",
    table("Members of the cluster", "Click a name to look at another member.", ["ins"],
          Column("up", "max by (ins) (pg_up{@cls})", maps=UP),
          Column("role", "max by (ins) (pg_in_recovery{@cls})", maps=ROLE),
          Column("transactions", "sum by (ins) (rate(pg_db_xact_total{@cls}[R]))", "ops"),
          Column("busy sessions", "sum by (ins) (rate(pg_db_active_time{@cls}[R]))", decimals=1),
          sort="ins", links={"ins": ("pg-instance", "ins")}, w=10, h=8),
    table("Databases", "Click a name for the database's page.", ["ins", "datname"],
          Column("size", 'max by (ins, datname) (pg_size_bytes{@ins,datname!~"wal|log"})', "bytes"),
          Column("sessions", "max by (ins, datname) (pg_db_numbackends{@ins})", decimals=0),
          Column("transactions", "sum by (ins, datname) (rate(pg_db_xact_total{@ins}[R]))", "ops"),
          Column("busy sessions", "sum by (ins, datname) (rate(pg_db_active_time{@ins}[R]))", decimals=2),
          Column("deadlocks", "sum by (ins, datname) (increase(pg_db_deadlocks{@ins}[$__range]))", decimals=0, steps=above(DEADLOCKS)),
          sort="-busy sessions", links={"datname": ("pg-database", "ins", "datname")}, hide=("ins",), w=14, h=8),
    alerts_over_time("@ins"),
)
page.row(
    "Work",
    graph("Busy sessions", "Sessions that execute a statement, on average, and the cores of the host. Above the cores queries wait for CPU, or sit in waits.",
          ("sum(rate(pg_db_active_time{@ins}[R]))", "busy"), ("sum(rate(pg_db_active_time{@ins}[R] offset 1d))", "busy, yesterday"),
          ('count(node_cpu_seconds_total{@ins,mode="idle"})', "cores"), unit="short", none="needs PostgreSQL 14"),
    graph("Transactions", "Commits and rollbacks per second, and commits yesterday.",
          ("sum(rate(pg_db_xact_commit{@ins}[R]))", "commits"), ("sum(rate(pg_db_xact_rollback{@ins}[R]))", "rollbacks"), ("sum(rate(pg_db_xact_commit{@ins}[R] offset 1d))", "commits, yesterday"), unit="ops"),
    graph("Time by transaction", "Average time that a transaction executes statements. More time at the same number of transactions: look at waits, then at statements.",
          ("sum(rate(pg_db_active_time{@ins}[R])) / sum(rate(pg_db_xact_total{@ins}[R]))", "now"),
          ("sum(rate(pg_db_active_time{@ins}[R] offset 1d)) / sum(rate(pg_db_xact_total{@ins}[R] offset 1d))", "yesterday"), unit="s", none="needs PostgreSQL 14"),
    graph("Connections", "Client connections and how many are usable by ordinary roles.", ("pg_connection_used{@ins}", "used"), ("pg_connection_usable{@ins}", "usable"), unit="short", link="pg-activity"),
    graph("Processes by type", "Client backends, and the server's own: autovacuum workers, walsenders, parallel workers.", ("sum by (type) (pg_backend_count{@ins})", "{{type}}"), unit="short", stack=True),
    graph("Waiting processes by type", "The class of the bottleneck. Lock: another session. IO: the disk. LWLock: contention inside. Client is left out: those wait for the application.",
          ('sum by (event) (pg_wait_count{@ins,event!~"Activity|Client|Running"})', "{{event}}"), unit="short", stack=True, none="nobody waits", link="pg-activity"),
    graph("Rows", "Rows that scans read, rows that queries fetched, rows changed. Returned far above fetched: large scans for little.",
          ("sum(rate(pg_db_tup_returned{@ins}[R]))", "returned"), ("sum(rate(pg_db_tup_fetched{@ins}[R]))", "fetched"), ("sum(rate(pg_db_tup_modified{@ins}[R]))", "changed"), unit="rowsps"),
    graph("Blocks", "Blocks asked for and those that were not in shared buffers.", ("sum(rate(pg_db_blks_access{@ins}[R]))", "asked for"), ("sum(rate(pg_db_blks_read{@ins}[R]))", "read"), unit="ops"),
    graph("Time in reads and writes", "Sessions that wait for the disk, on average. Near the busy sessions: storage is the bottleneck.",
          ("sum(rate(pg_db_blk_read_time{@ins}[R]))", "reading"), ("sum(rate(pg_db_blk_write_time{@ins}[R]))", "writing"), unit="percentunit", none="needs track_io_timing"),
)
page.row(
    "WAL and checkpoints",
    graph("WAL", "Bytes of WAL per second, and full-page images. Many images after each checkpoint: checkpoints come too often.",
          ("rate(pg_wal_bytes{@ins}[R])", "WAL"), ("rate(pg_wal_fpi{@ins}[R])", "full-page images"), unit="Bps", right=("full-page images", "ops"), link="pg-persist"),
    graph("Checkpoints", "Checkpoints per minute by cause. Requested ones mean that max_wal_size is too small for the load.",
          ("rate(pg_checkpointer_timed{@ins}[R]) * 60", "timed"), ("rate(pg_checkpointer_req{@ins}[R]) * 60", "requested"), unit="short", link="pg-persist"),
    graph("Parallel workers", "Workers that plans asked for and those that they got. Fewer: max_parallel_workers is too small, plans run slower than they are costed.",
          ("sum(rate(pg_db_parallel_workers_to_launch{@ins}[R]))", "wanted"), ("sum(rate(pg_db_parallel_workers_launched{@ins}[R]))", "launched"), unit="ops", none="needs PostgreSQL 18"),
)
page.row(
    "Host",
    graph("CPU", "Share of the host's CPU time by what it is spent on. Much iowait: the disk; much steal: the hypervisor's other guests.",
          ('avg by (mode) (rate(node_cpu_seconds_total{@ins,mode!="idle"}[R]))', "{{mode}}"), unit="percentunit", stack=True, top=1, none="no node_exporter with these labels"),
    graph("Disk latency", "Average time of a read and a write by device. Above some milliseconds on SSDs the device is overloaded.",
          ("rate(node_disk_read_time_seconds_total{@ins}[R]) / rate(node_disk_reads_completed_total{@ins}[R])", "{{device}} read"),
          ("rate(node_disk_write_time_seconds_total{@ins}[R]) / rate(node_disk_writes_completed_total{@ins}[R])", "{{device}} write"), unit="s", down="write$", none="no node_exporter with these labels"),
    graph("Memory", "Memory that is available without swapping, and all there is.", ("node_memory_MemAvailable_bytes{@ins}", "available"), ("node_memory_MemTotal_bytes{@ins}", "total"), unit="bytes", none="no node_exporter with these labels"),
)
