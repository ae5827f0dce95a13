"""The fleet: which cluster is unavailable or at risk."""

from common import FILE_SYSTEMS, LATE_BY, version
from load import SESSIONS, load, load_by_wait
from mappings import ROLE, STANZA, UP
from page import Page, alerts_firing, alerts_over_time, marks, unlabelled
from panels import alert_list, culprits, graph, stat, timeline, worst
from promql import ranked
from tables import Column, Text, table
from thresholds import (ANY_IS_BAD, BACKUP_AGE, CONNECTIONS, DISK, LAG_BYTES, LAG_SECONDS, LOCK_WAITS, LONG_TRANSACTION, POOL_WAIT,
                        SLOT_BYTES, XID_DAYS_LEFT, XID_SHARE, above, below)

# A target that has had pg_up is a PostgreSQL exporter, whatever its job is called; one sample in ten minutes tells.
DOWN = "pg_up{@cls} == 0 or (up{@cls} == 0 and last_over_time(pg_up{@cls}[1d:10m]))"
NOT_ONE_PRIMARY = "pg_up{@cls} unless on (cls) (sum by (cls) (pg_in_recovery{@cls} == bool 0) == 1)"
CHANGED_ROLE = "sum by (cls) (changes(pg_in_recovery{@cls}[$__range] @ end())) > 0"
TRANSACTIONS = "sum by (cls) (rate(pg_db_xact_total{@cls}[R]))"


page = Page("overview", "Fleet health: what is down, the worst value of each risk, and firing alerts. Select a tile or row to drill down.",
            scope="fleet", tags=["pg-fleet"], refresh="30s", annotations=marks("@cls", enable=False)[:2])

page.row(
    None,
    culprits("Instances down", "Instances that failed the last health query or whose exporter is unreachable. See pg_up_reason.",
             DOWN, "pg_up{@cls}", "cls", "ins", link="instance", h=3),
    culprits("Clusters without one primary", "No primary: writes fail. Two: split brain, fence one now.",
             NOT_ONE_PRIMARY, "pg_up{@cls}", "cls", link="ha", h=3),
    alerts_firing(h=3),
    worst("PgBouncer: longest client wait", "Longest time a client is waiting for a server connection. Above 1 s users notice.",
          "pgbouncer_pool_maxwait_seconds{@cls}", "cls", "ins", unit="s", steps=above(POOL_WAIT), link="pgbouncer", none="No PgBouncer", h=3),
    worst("Max replication lag (time)", "Replay delay of the slowest standby beyond recovery_min_apply_delay: reads on it are that old. Replication & slots shows the stage that is slow.",
          f"{LATE_BY} and pg_in_recovery == 1", "cls", "ins", unit="s", steps=above(LAG_SECONDS), link=("replication", "cls"), none="No standby", h=3),
    worst("Backup repository status", "Worst pgBackRest stanza status. If not ok, the repository cannot be read or holds no restorable backup; Backups & archiving shows pgBackRest's message.",
          "max by (cls, stanza) (pgbackrest_stanza_status{@cls})", "cls", "stanza", unit="none", maps=STANZA, link=("backup", "cls"), none="No backup found", h=3),
    worst("WAL archiving failures (1 h)", "Failed archive_command attempts. PITR is at risk and WAL accumulates; check the server log.",
          "increase(pg_archiver_failed_count{@cls}[1h])", "cls", unit="short", decimals=0, steps=ANY_IS_BAD, link="backup", h=3),
    worst("Oldest latest backup", "Age of the latest backup of the stanza that is furthest behind. Older than a day and a run: the schedule or the last run failed.",
          "min by (cls, stanza) (pgbackrest_repo_last_backup_age_seconds{@cls})", "cls", "stanza", unit="s", steps=above(BACKUP_AGE), link=("backup", "cls"), none="No backup found", h=3),
    worst("Max replication lag (bytes)", "WAL not yet replayed by the slowest standby. Only the part it has not received would be lost in a failover.",
          "pg_repl_replay_diff{@cls}", "cls", "appname", unit="bytes", steps=above(LAG_BYTES), link=("replication", "cls"), none="No standby", h=3),
    worst("Max WAL retained by a slot", "WAL that one replication slot retains. It grows until the consumer returns, the slot is dropped, or the disk is full.",
          "pg_slot_retained_bytes{@cls}", "cls", "slot_name", unit="bytes", steps=above(SLOT_BYTES), link=("replication", "cls"), none="No replication slot", h=3),
    worst("Max connection usage", "Client connections as % of max_connections minus reserved slots. At 100 % new sessions are refused: look for idle ones, or add a pooler.",
          "pg_connection_used_ratio{@cls}", "cls", "ins", unit="percentunit", decimals=0, steps=above(CONNECTIONS), link="activity", h=3),
    worst("Max blocked sessions", "Sessions waiting for a lock that another session holds, on the instance with the most. Sessions & locks shows who blocks whom.",
          "sum by (cls, ins) (pg_blocking_blocked_sessions{@cls})", "cls", "ins", unit="short", decimals=0, steps=above(LOCK_WAITS), link="activity", h=3),
    worst("Fullest disk", "Used space of the fullest file system. A full disk stops PostgreSQL; the cluster's dashboard estimates when.",
          f"1 - node_filesystem_avail_bytes{{@cls,{FILE_SYSTEMS}}} / node_filesystem_size_bytes{{@cls,{FILE_SYSTEMS}}}", "cls", "ins", unit="percentunit", decimals=0,
          steps=above(DISK), link="instance", none="No node_exporter target with these labels", h=3),
    worst("Max XID age", "XID age of the oldest database as % of 2^31 (2.1 billion XIDs), where PostgreSQL accepts no more writes. Above 40 % autovacuum is not keeping up: look at the oldest tables.",
          "pg_db_age{@cls} / 2147483648", "cls", "ins", unit="percentunit", decimals=1, steps=above(XID_SHARE), link="persist", h=3),
    stat("Time to XID wraparound", "Time until the oldest database stops accepting writes. Estimated at the XID rate of the selected range, if nothing is frozen.",
         ("bottomk(1, (2147483648 - max by (cls, ins) (pg_db_age{@cls})) / clamp_min(max by (cls, ins) (rate(pg_xact_xmax{@cls}[$__range])), 0.001))", "{{cls}} {{ins}}"),
         unit="s", steps=below(XID_DAYS_LEFT), link=("persist", "cls", "ins"), name=True, h=3),
    worst("Highest DB load", "Average number of sessions that execute a statement, on the instance with the most. Above its CPU cores they wait for a CPU or for each other.",
          f"sum by (cls, ins) (avg_over_time({SESSIONS}{{@cls}}[R]))", "cls", "ins", unit="short", decimals=1, link="instance", h=3),
    stat("Clusters and instances", "PostgreSQL clusters and instances monitored.", ("count(count by (cls) (pg_up{@cls}))", "Clusters"), ("count(pg_up{@cls})", "Instances"), unit="short", h=3),
    unlabelled(page.targets, h=3),
)
page.row(
    "DB load",
    load_by_wait("@cls", sampled=True),
    graph("DB load by cluster, top 10 (avg active sessions)", "Sessions that execute a statement. A step up without more transactions means that queries got slower, or wait: the cluster's dashboard shows for what.",
          (ranked(10, f"sum by (cls) ({SESSIONS}{{@cls}})", f"avg_over_time(sum by (cls) ({SESSIONS}{{@cls}})[$__range:1m] @ end())"), "{{cls}}"),
          unit="short", link=("cluster", "cls"), least_step="1m", w=12, h=9),
)
page.row(
    "Alerts",
    alert_list("Firing and pending alerts", "Alerts of Grafana and of the data sources that evaluate rules.", h=6),
    alerts_over_time(w=12),
)
page.row(
    "Clusters and instances",
    table("Clusters", "One row per cluster, with the thresholds of the tiles above. Select a cluster to drill down.", ["cls"],
          Column("Up", "sum by (cls) (pg_up{@cls})", decimals=0),
          Column("Down", f"count by (cls) ({DOWN}) or 0 * count by (cls) (pg_up{{@cls}})", steps=ANY_IS_BAD, decimals=0),
          Column("Primaries", "sum by (cls) (pg_in_recovery{@cls} == bool 0)", decimals=0, steps=[("red", None), ("green", 1), ("red", 2)]),
          Column("Size", 'sum by (cls) (max by (cls, datname) (pg_size_bytes{@cls,datname!~"wal|log"}))', "bytes"),
          Column("TPS", "sum by (cls) (rate(pg_db_xact_commit{@cls}[R]) + rate(pg_db_xact_rollback{@cls}[R]))", "ops"),
          Column("DB load", load("@cls", "cls"), decimals=1),
          Column("Connections %", "max by (cls) (pg_connection_used_ratio{@cls})", "percentunit", above(CONNECTIONS), decimals=0),
          Column("Max lag", "max by (cls) (pg_repl_replay_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("Max pool wait", "max by (cls) (pgbouncer_pool_maxwait_seconds{@cls})", "s", above(POOL_WAIT)),
          Column("XID age %", "max by (cls) (pg_db_age{@cls}) / 2147483648", "percentunit", above(XID_SHARE), decimals=1),
          Column("Latest backup", "max by (cls) (min by (cls, stanza) (pgbackrest_repo_last_backup_age_seconds{@cls}))", "s", above(BACKUP_AGE)),
          Column("Alerts", 'count by (cls) (ALERTS{@cls,alertstate="firing",severity=~"critical|warning"}) or 0 * count by (cls) (pg_up{@cls}) and on () group(ALERTS)', decimals=0, steps=ANY_IS_BAD),
          sort="-Alerts", links={"cls": ("cluster", "cls")}, h=7),
    table("Instances", "One row per instance, the unavailable ones first. Select an instance to drill down.", ["cls", "ins"],
          Column("Up", "min by (cls, ins) (pg_up{@cls})", maps=UP, width=80),
          Column("Role", "max by (cls, ins) (pg_in_recovery{@cls})", maps=ROLE, width=95),
          Text("Version", version("@cls", "cls", "ins"), "version"),
          Column("Uptime", "min by (cls, ins) (pg_uptime{@cls})", "s"),
          Column("TPS", "sum by (cls, ins) (rate(pg_db_xact_commit{@cls}[R]) + rate(pg_db_xact_rollback{@cls}[R]))", "ops"),
          Column("DB load", load("@cls", "cls", "ins"), decimals=1),
          Column("Transaction time", "sum by (cls, ins) (rate(pg_db_active_time{@cls}[R])) / (sum by (cls, ins) (rate(pg_db_xact_total{@cls}[R])) > 0)", "s"),
          Column("Connections %", "max by (cls, ins) (pg_connection_used_ratio{@cls})", "percentunit", above(CONNECTIONS), decimals=0),
          Column("Replay lag", "max by (cls, ins) (pg_lag{@cls})", "s", above(LAG_SECONDS)),
          Column("Oldest transaction", "max by (cls, ins) (pg_activity_max_tx_duration{@cls})", "s", above(LONG_TRANSACTION)),
          sort="Up", links={"cls": ("cluster", "cls"), "ins": ("instance", "cls", "ins")}, h=9),
)
page.row(
    "Trends",
    graph("TPS by cluster, top 10", "Commits and rollbacks per second. A drop to 0 while sessions are open is an outage.",
          (ranked(10, TRANSACTIONS, "sum by (cls) (increase(pg_db_xact_total{@cls}[$__range] @ end()))"), "{{cls}}"),
          unit="ops", link=("cluster", "cls"), least_step="1m", w=12),
    timeline("Role changes", "Primary and standbys of the clusters in which a role changed in the selected range: a failover or switchover.",
             (f"max by (cls, ins) (pg_in_recovery{{@cls}}) and on (cls) ({CHANGED_ROLE})", "{{cls}} {{ins}}"),
             maps=ROLE, link=("ha", "cls"), none="No role changed in this time range", w=12),
)
