"""One cluster: health, replication, backups, and which member or database is the cause of a problem."""

from mappings import BACKEND, ROLE, UP, texts
from page import LATE, Page, alerts_firing, alerts_over_time, marks
from panels import bars, graph, names, stat, timeline, worst
from tables import Column, Text, table
from thresholds import ANY_IS_BAD, ARCHIVE_AGE, BACKUP_AGE, CONNECTIONS, DISK, HIT_RATIO, LAG_BYTES, LAG_SECONDS, XID_AGE, XID_SHARE, above, below

# The text of each query; queries without a known text have none. Members may know it in different forms.
TEXT = ('(max by (query, text) (topk by (query) (1, pg_query_info{@cls})) or on (query) '
        'group by (query) (pg_query_calls{@cls,query!="other"}))')

page = Page("pg-cluster", "One cluster and its members. The first row is the health check.",
            scope="cluster", tags=["pg-cluster"], annotations=marks("@cls"))

page.row(
    None,
    names("Primary", "The instance that accepts writes. No primary: clients cannot write; see High availability. Two: split brain, fence one now.",
          "pg_in_recovery{@cls} == 0", "ins", none="No primary", link=("pg-instance", "ins")),
    stat("Members down", "Members that failed the last health query.", ("count(pg_up{@cls} == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD, link="pg-ha"),
    stat("Standbys not streaming", "Standbys without a WAL receiver in state streaming. Check the standby's log, primary_conninfo, and for a lost slot.",
         ("count(pg_in_recovery{@cls} == 1 unless on (cls, ins) pg_recv_state == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD, link="pg-replication"),
    stat("Synchronous replication", "Whether commits wait for a synchronous standby and one is connected. If blocked, every commit hangs until a standby returns or synchronous_standby_names is emptied.",
         ("max(pg_sync_standby_enabled{@cls}) * (1 + (clamp_max(count(pg_repl_sync_state{@cls} >= 2), 1) or vector(0)))", ""), unit="none",
         maps=texts(_0="blue:not configured", _1="red:commits blocked", _2="green:in sync"), link="pg-replication"),
    stat("Last WAL archived", "Time since the primary archived a WAL file. archive_timeout is 0 by default, so an idle primary turns red without a problem: compare with the WAL files waiting to be archived.",
         ("min(time() - pg_archiver_finish_time{@cls} and on (cls, ins) pg_in_recovery == 0)", ""), unit="s", steps=above(ARCHIVE_AGE), link="pg-backup", none="No WAL archived yet"),
    stat("Latest backup age", "Age of the latest backup of any type. Older than a day: the schedule or the last run failed.",
         ("min(pgbackrest_repo_last_backup_age_seconds{@cls})", ""), unit="s", steps=above(BACKUP_AGE), link="pg-backup", none="No backup found"),
    alerts_firing(),
    stat("Max replication lag (bytes)", "WAL not yet replayed by the slowest standby.", ("max(pg_repl_replay_diff{@cls})", ""), unit="bytes", steps=above(LAG_BYTES), link="pg-replication", none="No standby"),
    worst("Max connection usage", "Client connections as % of max_connections minus reserved slots, of the fullest member.", "pg_connection_used_ratio{@cls}", "ins", unit="percentunit", steps=above(CONNECTIONS), link="pg-activity"),
    worst("PgBouncer clients waiting", "Clients waiting for a server connection, on the PgBouncer with the most.", "sum by (ins) (pgbouncer_pool_waiting_clients{@cls})", "ins", unit="short", steps=above((1, 10)), link="pg-pgbouncer", none="No PgBouncer"),
    worst("Blocked sessions", "Sessions waiting for a lock that another session holds, on the member with the most. Sessions & locks shows the lock queue depth.",
          "sum by (ins) (pg_blocking_blocked_sessions{@cls})", "ins", unit="short", steps=above((5, 20)), link="pg-activity"),
    stat("Total database size", "Size of all databases on disk. Counted once, not per member.",
         ('sum(max by (datname) (pg_size_bytes{@cls,datname!~"wal|log"}))', ""), unit="bytes"),
)
page.row(
    "Members",
    timeline("Component status", "Which component of which member was down, and since when.",
             ("max by (ins) (pg_up{@cls})", "{{ins}} PostgreSQL"), ("max by (ins) (pgbouncer_up{@cls})", "{{ins}} PgBouncer"),
             ("max by (ins) (patroni_postgres_running{@cls})", "{{ins}} Patroni"), ("max by (ins) (pgbackrest_up{@cls})", "{{ins}} pgBackRest"),
             maps=UP, w=12, h=9),
    bars("Saturation by component", "Resource usage; start with the longest bar. 100 % = full.",
         ("max(pg_connection_used_ratio{@cls})", "Connections"),
         ("max(sum by (ins, datname, user) (pgbouncer_pool_active_servers{@cls}) / on (ins, datname) group_left () max by (ins, datname) (pgbouncer_database_pool_size{@cls}))", "Busiest pool"),
         ("max(haproxy_backend_current_sessions{@cls} / (haproxy_backend_limit_sessions{@cls} > 0))", "HAProxy sessions"),
         ('max(1 - avg by (ip) (rate(node_cpu_seconds_total{@cls,mode="idle"}[R])))', "Host CPU"),
         ("max(1 - node_memory_MemAvailable_bytes{@cls} / node_memory_MemTotal_bytes{@cls})", "Host memory"),
         unit="percentunit", steps=above((0.7, 0.9)), top=1, w=12, h=9),
    table("Cluster members", "Select an instance to drill down. Members on different timelines need pg_rewind or a new base backup.", ["ins"],
          Column("Up", "max by (ins) (pg_up{@cls})", maps=UP),
          Column("Role", "max by (ins) (pg_in_recovery{@cls})", maps=ROLE),
          Column("Timeline", "max by (ins) (pg_timeline_id{@cls})", "none"),
          Text("Version", "max by (ins, version) (pg_meta_info{@cls})", "version"),
          Column("Uptime", "max by (ins) (pg_uptime{@cls})", "s"),
          Column("TPS", "sum by (ins) (rate(pg_db_xact_total{@cls}[R]))", "ops"),
          Column("Active sessions (avg)", "sum by (ins) (rate(pg_db_active_time{@cls}[R]))", decimals=1),
          Column("Connections %", "max by (ins) (pg_connection_used_ratio{@cls})", "percentunit", above(CONNECTIONS)),
          Column("Replay lag", "max by (ins) (pg_lag{@cls})", "s", above(LAG_SECONDS)),
          Column("Oldest transaction", "max by (ins) (pg_activity_max_tx_duration{@cls})", "s", above((1800, 21600))),
          sort="Instance", links={"ins": ("pg-instance", "ins")}, h=7),
    timeline("Role history", "Primary and standbys over time. A change of color is a failover or switchover.",
             ("max by (ins) (pg_in_recovery{@cls})", "{{ins}}"), maps=ROLE, link="pg-ha", w=24, h=6),
    alerts_over_time(),
)
page.row(
    "Databases and services",
    table("Databases (primary)", "Select a database to drill down to it on the primary.", ["ins", "datname"],
          Column("Size", 'max by (ins, datname) (pg_size_bytes{@cls,datname!~"wal|log"} and on (ins) pg_in_recovery{@cls} == 0)', "bytes"),
          Column("Sessions", "max by (ins, datname) (pg_db_numbackends{@cls} and on (ins) pg_in_recovery{@cls} == 0)", decimals=0),
          Column("TPS", "sum by (ins, datname) (rate(pg_db_xact_total{@cls}[R]) and on (ins) pg_in_recovery{@cls} == 0)", "ops"),
          Column("Active sessions (avg)", "sum by (ins, datname) (rate(pg_db_active_time{@cls}[R]) and on (ins) pg_in_recovery{@cls} == 0)", decimals=2),
          Column("Hit ratio", "max by (ins, datname) (rate(pg_db_blks_hit{@cls}[R]) / (rate(pg_db_blks_access{@cls}[R]) > 0) and on (ins) pg_in_recovery{@cls} == 0)", "percentunit", below(HIT_RATIO)),
          Column("XID age %", "max by (ins, datname) (pg_db_age{@cls} and on (ins) pg_in_recovery{@cls} == 0) / 2147483648", "percentunit", above(XID_SHARE)),
          sort="-Active sessions (avg)", links={"datname": ("pg-database", "ins", "datname"), "ins": ("pg-instance", "ins")}, w=14, h=9),
    table("HAProxy backends", "Which member is UP in which HAProxy backend.", ["proxy", "server"],
          Column("Status", 'max by (proxy, server) (haproxy_server_status{@cls,state="UP"})', maps=BACKEND),
          Column("Sessions", "sum by (proxy, server) (haproxy_server_current_sessions{@cls})", decimals=0),
          sort="Backend", links={"proxy": "pg-proxy"}, none="No HAProxy target with this cluster label", w=10, h=9),
)
page.row(
    "Workload",
    graph("DB load by member (avg active sessions)", f"Average active sessions: is the load on the members that should have it? {LATE}",
          ("sum by (ins) (rate(pg_db_active_time{@cls}[R]))", "{{ins}}"), unit="short", link=("pg-instance", "ins"), none="Needs PostgreSQL 14+"),
    graph("Transactions per second", "Commits and rollbacks of the cluster, and commits 1 week ago. If only rollbacks grow, suspect the latest release.",
          ("sum(rate(pg_db_xact_commit{@cls}[R]))", "Commits"), ("sum(rate(pg_db_xact_rollback{@cls}[R]))", "Rollbacks"),
          ("sum(rate(pg_db_xact_commit{@cls}[R] offset 1w))", "Commits, 1 week ago"), unit="ops"),
    graph("Mean transaction time", "Mean time of a transaction, measured by PostgreSQL and by PgBouncer. PgBouncer's value includes client think time.",
          ("sum(rate(pg_db_active_time{@cls}[R])) / sum(rate(pg_db_xact_total{@cls}[R]))", "PostgreSQL"),
          ("sum(rate(pgbouncer_stat_total_xact_time{@cls}[R])) / sum(rate(pgbouncer_stat_total_xact_count{@cls}[R]))", "PgBouncer"), unit="s"),
    graph("Tuples", "Tuples fetched by queries, and tuples changed.",
          ("sum(rate(pg_db_tup_fetched{@cls}[R]))", "Fetched"), ("sum(rate(pg_db_tup_inserted{@cls}[R]))", "Inserted"),
          ("sum(rate(pg_db_tup_updated{@cls}[R]))", "Updated"), ("sum(rate(pg_db_tup_deleted{@cls}[R]))", "Deleted"), unit="rowsps"),
    graph("Sessions by state", "A pile-up of active sessions means they are waiting (see next graph); sessions idle in transaction hold locks and hold back the xmin horizon.",
          ('sum by (state) (pg_activity_count{@cls,state!~"disabled|fastpath.*"})', "{{state}}"), unit="short", stack=True, link="pg-activity"),
    graph("Wait events by type", "Lock: blocked by another session. IO: storage. LWLock: internal contention. Client waits are idle time and not shown.",
          ('sum by (event) (pg_wait_count{@cls,event!~"Activity|Client|Running"})', "{{event}}"), unit="short", stack=True, link="pg-activity", none="No sessions waiting"),
    graph("Top 10 queries by total time", "Average active sessions in each query. The Queries dashboard has the details.",
          (f'topk(10, sum by (query) (rate(pg_query_exec_time{{@cls,query!="other"}}[R]))) * on (query) group_left (text) {TEXT}', "{{text}} ({{query}})"), unit="short", link="pg-query", none="Needs pg_stat_statements", w=16),
    bars("XID age by database", "XID age of each database. Colors change at 40 % and 75 % of 2^31 (2.1 billion XIDs).",
         ("topk(10, max by (datname) (pg_db_age{@cls}))", "{{datname}}"), unit="short", steps=above(XID_AGE), link="pg-persist"),
)
page.row(
    "Replication, WAL and disk",
    graph("Replication lag by standby", "WAL not yet replayed by each standby. A line that only climbs needs action; Replication & slots shows the stage that is slow.",
          ("max by (appname) (pg_repl_replay_diff{@cls})", "{{appname}}"), unit="bytes", steps=above(LAG_BYTES), link="pg-replication", none="No standby"),
    graph("WAL generated vs. archived", "WAL per second that the primary generates and archives. Archived below generated for long: the archiver does not keep up.",
          ("sum(rate(pg_wal_bytes{@cls}[R]) and on (cls, ins) pg_in_recovery == 0)", "Generated"),
          ("sum(rate(pg_archiver_finish_count{@cls}[R]) * on (cls, ins) group_left () pg_setting_wal_segment_size)", "Archived"), unit="Bps", link="pg-backup"),
    bars("Disk usage", "File systems of the cluster's hosts, the 10 fullest. A full disk stops PostgreSQL.",
         ('topk(10, 1 - node_filesystem_avail_bytes{@cls,fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes{@cls,fstype!~"tmpfs|overlay"})', "{{ip}} {{mountpoint}}"),
         unit="percentunit", steps=above(DISK), top=1, none="No node_exporter target with this cluster label"),
)
