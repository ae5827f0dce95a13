"""One cluster: health, replication, backups, and which member or database is the cause of a problem."""

from common import FILE_SYSTEMS, NOT_STREAMING, SYNC_STATES, SYNC_STATUS, disks, texts_of, version
from load import load, load_by_wait
from mappings import BACKEND, ROLE, UP
from page import LATE, Page, alerts_firing, alerts_over_time, marks, unlabelled
from panels import bars, culprits, graph, names, stat, timeline, worst
from parts import exactly
from promql import counted, top_rates
from settings import DIFFERENT
from tables import Column, Text, table
from thresholds import ANY_IS_BAD, ARCHIVE_AGE, BACKUP_AGE, CONNECTIONS, DISK, LAG_BYTES, LAG_SECONDS, LOCK_WAITS, LONG_TRANSACTION, XID_AGE, XID_SHARE, above

DOWN = "pg_up{@cls} == 0 or (up{@cls} == 0 and last_over_time(pg_up{@cls}[1d:10m]))"
PRIMARY = "on (ins) pg_in_recovery{@cls} == 0"
# Each PgBouncer by itself: two on one host have a limit each.
POOL = ("pgbouncer_pool_active_servers{@cls} / ignoring (user, pool_mode, load_balance_hosts) group_left () "
        "max without (host, port, real_datname) (pgbouncer_database_pool_size{@cls} > 0)")
QUERIES = 'pg_query_exec_time{@cls,query!="other"}'

page = Page("cluster", "One cluster and its members. The first row is the health check.",
            scope="cluster", tags=["pg-cluster"], annotations=marks("@cls"))

size = stat("Size / differences", "Size of all databases on disk, counted once, not per member. Settings that differ between members: after a failover the cluster behaves in another way; Settings lists them.",
            ('sum(max by (datname) (pg_size_bytes{@cls,datname!~"wal|log"}))', "Size"), (f"count({DIFFERENT}) or 0 * count(pg_up{{@cls}})", "Differences"),
            unit="bytes", link="settings", w=3, h=3)
size["fieldConfig"]["overrides"] = [exactly("Differences", [("unit", "short")])]

page.row(
    None,
    names("Primary", "The instance that accepts writes. No primary: clients cannot write; see High availability. Two: split brain, fence one now.",
          "pg_in_recovery{@cls} == 0", "ins", none="No primary", link=("instance", "ins"), h=3),
    culprits("Members down", "Members that failed the last health query or whose exporter is unreachable.", DOWN, "pg_up{@cls}", "ins", link="instance", h=3),
    stat("Standbys not streaming", "Standbys without a WAL receiver in state streaming. Check the standby's log, primary_conninfo, and for a lost slot. Standbys that follow the archive only do not count.",
         (counted(NOT_STREAMING, "pg_up{@cls}"), ""), unit="short", steps=ANY_IS_BAD, link="replication", h=3),
    stat("Synchronous replication", "Whether commits wait for synchronous standbys, and as many are streaming. If blocked, every commit hangs until a standby returns or synchronous_standby_names is changed.",
         (SYNC_STATUS, ""), unit="none", maps=SYNC_STATES, link="replication", none="No primary", h=3),
    stat("WAL archiving delay", "Age of the oldest WAL file of the primary that waits to be archived: 0 when none waits, however long ago the last one was. A high value: archive_command fails or is too slow, and WAL accumulates.",
         ("max((pg_archive_status_oldest_ready_age_seconds{@cls} or 0 * pg_archive_status_ready_files{@cls}) and pg_in_recovery == 0 and pg_setting_archive_mode > 0)", ""),
         unit="s", steps=above(ARCHIVE_AGE), link="backup", none="No WAL archiving: archive_mode is off", h=3),
    stat("Latest backup age", "Age of the latest backup of any type. Older than a day and a run: the schedule or the last run failed.",
         ("min(pgbackrest_repo_last_backup_age_seconds{@cls})", ""), unit="s", steps=above(BACKUP_AGE), link="backup", none="No backup found", h=3),
    alerts_firing(w=3, h=3),
    worst("Fullest disk", "Used space of the fullest file system. A full disk stops PostgreSQL; the table of disks says when.",
          f"1 - node_filesystem_avail_bytes{{@cls,{FILE_SYSTEMS}}} / node_filesystem_size_bytes{{@cls,{FILE_SYSTEMS}}}", "ins", unit="percentunit", decimals=0,
          steps=above(DISK), link="instance", none="No node_exporter target with this cluster label", w=3, h=3),
    worst("Replication lag", "WAL not yet replayed by the slowest standby.", "pg_repl_replay_diff{@cls}", "appname",
          unit="bytes", steps=above(LAG_BYTES), link=("replication",), none="No standby", w=3, h=3),
    worst("Connection usage", "Client connections as % of max_connections minus reserved slots, of the fullest member.", "pg_connection_used_ratio{@cls}", "ins",
          unit="percentunit", decimals=0, steps=above(CONNECTIONS), link="activity", w=3, h=3),
    worst("Clients waiting", "Clients waiting for a server connection, on the PgBouncer with the most.", "sum by (ins) (pgbouncer_pool_waiting_clients{@cls})", "ins",
          unit="short", decimals=0, steps=above((1, 10)), link="pgbouncer", none="No PgBouncer", w=3, h=3),
    worst("Blocked sessions", "Sessions waiting for a lock that another session holds, on the member with the most. Sessions & locks shows who blocks whom.",
          "sum by (ins) (pg_blocking_blocked_sessions{@cls})", "ins", unit="short", decimals=0, steps=above(LOCK_WAITS), link="activity", w=3, h=3),
    size,
    unlabelled(page.targets, h=3, w=3),
)
page.row(
    "DB load",
    load_by_wait("@cls"),
    graph("DB load by member (avg active sessions)", "Sessions that execute a statement: is the load on the members that should have it?",
          (load("@cls", "ins"), "{{ins}}"), unit="short", link=("instance", "ins"), w=12, h=9),
)
page.row(
    "Members",
    table("Cluster members", "Select an instance to drill down. Members on different timelines need pg_rewind or a new base backup.", ["ins"],
          Column("Up", "min by (ins) (pg_up{@cls})", maps=UP),
          Column("Role", "max by (ins) (pg_in_recovery{@cls})", maps=ROLE),
          Column("Timeline", "max by (ins) (pg_timeline_id{@cls})", "none"),
          Text("Version", version("@cls", "ins"), "version"),
          Column("Uptime", "min by (ins) (pg_uptime{@cls})", "s"),
          Column("TPS", "sum by (ins) (rate(pg_db_xact_total{@cls}[R]))", "ops"),
          Column("DB load", load("@cls", "ins"), decimals=1),
          Column("Connections %", "max by (ins) (pg_connection_used_ratio{@cls})", "percentunit", above(CONNECTIONS), decimals=0),
          Column("Replay lag", "max by (ins) (pg_lag{@cls})", "s", above(LAG_SECONDS)),
          Column("Oldest transaction", "max by (ins) (pg_activity_max_tx_duration{@cls})", "s", above(LONG_TRANSACTION)),
          sort="Instance", links={"ins": ("instance", "ins")}, h=6),
    timeline("Component status", "Which component of which member was down, and since when.",
             ("min by (ins) (pg_up{@cls})", "{{ins}} PostgreSQL"), ("min by (ins) (pgbouncer_up{@cls})", "{{ins}} PgBouncer"),
             ("min by (ins) (patroni_postgres_running{@cls})", "{{ins}} Patroni"), ("min by (ins) (pgbackrest_up{@cls})", "{{ins}} pgBackRest"),
             maps=UP, w=12, h=9),
    bars("Saturation by component", "Resource usage; start with the longest bar. 100 % = full.",
         ("max(pg_connection_used_ratio{@cls})", "Connections"),
         (f"max({POOL})", "Busiest pool"),
         ("max(haproxy_backend_current_sessions{@cls} / (haproxy_backend_limit_sessions{@cls} > 0))", "HAProxy sessions"),
         ('max(1 - avg by (ins, ip) (rate(node_cpu_seconds_total{@cls,mode="idle"}[R])))', "Host CPU"),
         ("max(1 - node_memory_MemAvailable_bytes{@cls} / node_memory_MemTotal_bytes{@cls})", "Host memory"),
         unit="percentunit", steps=above((0.7, 0.9)), top=1, w=12, h=9),
    timeline("Role history", "Primary and standbys over time. A change of color is a failover or switchover.",
             ("max by (ins) (pg_in_recovery{@cls})", "{{ins}}"), maps=ROLE, link="ha", w=12, h=6),
    alerts_over_time(w=12),
)
page.row(
    "Databases and services",
    table("Databases (primary)", f"Select a database to drill down to it on the primary. {LATE}", ["ins", "datname"],
          Column("Size", f'max by (ins, datname) (pg_size_bytes{{@cls,datname!~"wal|log"}} and {PRIMARY})', "bytes"),
          Column("Sessions", f"max by (ins, datname) (pg_db_numbackends{{@cls}} and {PRIMARY})", decimals=0),
          Column("TPS", f"sum by (ins, datname) (rate(pg_db_xact_total{{@cls}}[R]) and {PRIMARY})", "ops"),
          Column("DB load", f"sum by (ins, datname) (rate(pg_db_active_time{{@cls}}[R]) and {PRIMARY})", decimals=2),
          Column("Hit ratio", f"max by (ins, datname) (rate(pg_db_blks_hit{{@cls}}[R]) / (rate(pg_db_blks_access{{@cls}}[R]) > 0) and {PRIMARY})", "percentunit", decimals=1),
          Column("XID age %", f"max by (ins, datname) (pg_db_age{{@cls}} and {PRIMARY}) / 2147483648", "percentunit", above(XID_SHARE), decimals=1),
          sort="-DB load", links={"datname": ("database", "ins", "datname"), "ins": ("instance", "ins")}, w=14, h=8),
    table("HAProxy backends", "Which member is UP in which HAProxy backend.", ["proxy", "server"],
          Column("Status", 'max by (proxy, server) (haproxy_server_status{@cls,state="UP"})', maps=BACKEND),
          Column("Sessions", "sum by (proxy, server) (haproxy_server_current_sessions{@cls})", decimals=0),
          sort="Backend", links={"proxy": "proxy"}, none="No HAProxy target with this cluster label", w=10, h=8),
)
page.row(
    "Workload",
    graph("Transactions per second", "Commits and rollbacks of the cluster, and commits 1 week ago. If only rollbacks grow, suspect the latest release.",
          ("sum(rate(pg_db_xact_commit{@cls}[R]))", "Commits"), ("sum(rate(pg_db_xact_rollback{@cls}[R]))", "Rollbacks"),
          ("sum(rate(pg_db_xact_commit{@cls}[R] offset 1w))", "Commits, 1 week ago"), unit="ops"),
    graph("Mean transaction time", "Mean time of a transaction, measured by PostgreSQL and by PgBouncer. PgBouncer's value includes client think time.",
          ("sum(rate(pg_db_active_time{@cls}[R])) / sum(rate(pg_db_xact_total{@cls}[R]))", "PostgreSQL"),
          ("sum(rate(pgbouncer_stat_total_xact_time{@cls}[R])) / sum(rate(pgbouncer_stat_total_xact_count{@cls}[R]))", "PgBouncer"), unit="s"),
    graph("Tuples", "Tuples fetched by queries, and tuples changed.",
          ("sum(rate(pg_db_tup_fetched{@cls}[R]))", "Fetched"), ("sum(rate(pg_db_tup_inserted{@cls}[R]))", "Inserted"),
          ("sum(rate(pg_db_tup_updated{@cls}[R]))", "Updated"), ("sum(rate(pg_db_tup_deleted{@cls}[R]))", "Deleted"), unit="rowsps"),
    graph("Top 10 queries by total time", "Average active sessions in each query. The Queries dashboard has the details.",
          (f'({top_rates(10, QUERIES, "ins", "query")}) * on (query) group_left (text) {texts_of("@cls")}', "{{ins}}: {{text}} ({{query}})"),
          unit="short", link=("query", "ins", "query"), none="Needs pg_stat_statements", w=16),
    graph("Sessions by state", "A pile-up of active sessions means they are waiting (see DB load); sessions idle in transaction hold locks and hold back the xmin horizon.",
          ('sum by (state) (pg_activity_count{@cls,state!~"disabled|fastpath.*"})', "{{state}}"), unit="short", stack=True, link="activity"),
)
page.row(
    "Replication, WAL and disk",
    graph("Replication lag by standby", "WAL not yet replayed by each standby. A line that only climbs needs action; Replication & slots shows the stage that is slow.",
          ("max by (appname) (pg_repl_replay_diff{@cls})", "{{appname}}"), unit="bytes", steps=above(LAG_BYTES), link="replication", none="No standby"),
    graph("WAL generated vs. archived", "WAL per second that the primary generates and archives. Archived below generated for long: the archiver does not keep up.",
          ("sum(rate(pg_wal_bytes{@cls}[R]) and pg_in_recovery == 0)", "Generated"),
          ("sum(rate(pg_archiver_finish_count{@cls}[R]) * pg_setting_wal_segment_size)", "Archived"), unit="Bps", link="backup"),
    bars("XID age by database", "XID age of each database. Colors change at 40 % and 75 % of 2^31 (2.1 billion XIDs).",
         (f"topk(10, max by (ins, datname) (pg_db_age{{@cls}} and {PRIMARY}))", "{{datname}}"), unit="short", steps=above(XID_AGE), link=("database", "ins", "datname")),
    disks("@cls", "ins", "cluster", links={"ins": ("instance", "ins")}),
)
