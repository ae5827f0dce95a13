"""The fleet: which cluster is unavailable or at risk."""

from mappings import ROLE, STANZA, UP
from page import LATE, Page, alerts_firing, alerts_over_time, marks
from panels import alert_list, graph, stat, timeline, worst
from tables import Column, Text, table
from thresholds import (ANY_IS_BAD, BACKUP_AGE, CONNECTIONS, LAG_BYTES, LAG_SECONDS, LOCK_WAITS, POOL_WAIT, SLOT_BYTES, XID_DAYS_LEFT, XID_SHARE, above, below)

page = Page("pg-overview", "Fleet health: what is down, the worst value of each risk, and firing alerts. Select a tile or row to drill down.",
            scope="fleet", tags=["pg-fleet"], refresh="30s", annotations=marks("@cls")[:2])

page.row(
    None,
    stat("Instances down", "Instances that failed the last health query or whose exporter is unreachable. See pg_up_reason.",
         ("(count(pg_up{@cls} == 0) or vector(0)) + (count(count by (cls, ins) (up{@cls} == 0 and on (job) last_over_time(pg_up[$__range])) unless on (cls, ins) pg_up{@cls}) or vector(0))", ""),
         unit="short", steps=ANY_IS_BAD, link="pg-exporter"),
    stat("Clusters without exactly one primary", "No primary: writes fail. Two: split brain, fence one now.",
         ("count(count by (cls) (pg_up{@cls}) unless on (cls) (sum by (cls) (pg_in_recovery{@cls} == bool 0) == 1)) or vector(0)", ""),
         unit="short", steps=ANY_IS_BAD, link="pg-ha"),
    alerts_firing(),
    worst("PgBouncer: longest client wait", "Longest time a client is waiting for a server connection. Above 1 s users notice.",
          "pgbouncer_pool_maxwait_seconds{@cls}", "cls", "ins", unit="s", steps=above(POOL_WAIT), link="pg-pgbouncer", none="No PgBouncer"),
    worst("Max replication lag (time)", "Replay delay of the slowest standby: reads on it are that old. Replication & slots shows the stage that is slow.",
          "pg_lag{@cls} and on (cls, ins) pg_in_recovery == 1", "cls", "ins", unit="s", steps=above(LAG_SECONDS), link=("pg-replication", "cls"), none="No standby"),
    worst("Backup repository status", "Worst pgBackRest stanza status. If not ok, the repository cannot be read or holds no restorable backup; Backups & archiving shows pgBackRest's message.",
          "max by (cls, stanza) (pgbackrest_stanza_status{@cls})", "cls", "stanza", unit="none", maps=STANZA, link=("pg-backup", "cls"), none="No backup found"),
    worst("WAL archiving failures (1 h)", "Failed archive_command attempts. PITR is at risk and WAL accumulates; check the server log.",
          "increase(pg_archiver_failed_count{@cls}[1h])", "cls", unit="short", decimals=0, steps=ANY_IS_BAD, link="pg-backup"),
    worst("Oldest latest backup", "Age of the latest backup of the stanza that is furthest behind. Older than a day: the schedule or the last run failed.",
          "min by (cls, stanza) (pgbackrest_repo_last_backup_age_seconds{@cls})", "cls", "stanza", unit="s", steps=above(BACKUP_AGE), link=("pg-backup", "cls"), none="No backup found"),
    worst("Max replication lag (bytes)", "WAL not yet replayed by the slowest standby. Only the part it has not received would be lost in a failover.",
          "pg_repl_replay_diff{@cls}", "cls", "appname", unit="bytes", steps=above(LAG_BYTES), link=("pg-replication", "cls"), none="No standby"),
    worst("Max WAL retained by a slot", "WAL that one replication slot retains. It grows until the consumer returns, the slot is dropped, or the disk is full.",
          "pg_slot_retained_bytes{@cls}", "cls", "slot_name", unit="bytes", steps=above(SLOT_BYTES), link=("pg-replication", "cls"), none="No replication slot"),
    worst("Max connection usage", "Client connections as % of max_connections minus reserved slots. At 100 % new sessions are refused: look for idle ones, or add a pooler.",
          "pg_connection_used_ratio{@cls}", "cls", "ins", unit="percentunit", steps=above(CONNECTIONS), link="pg-activity"),
    worst("Max blocked sessions", "Sessions waiting for a lock that another session holds, on the instance with the most. Sessions & locks shows the lock queue depth.",
          "sum by (cls, ins) (pg_blocking_blocked_sessions{@cls})", "cls", "ins", unit="short", steps=above(LOCK_WAITS), link="pg-activity"),
    worst("Max XID age", "XID age of the oldest database as % of 2^31 (2.1 billion XIDs), where PostgreSQL accepts no more writes. Above 40 % autovacuum is not keeping up: look at the oldest tables.",
          "pg_db_age{@cls} / 2147483648", "cls", "ins", unit="percentunit", decimals=1, steps=above(XID_SHARE), link="pg-persist"),
    stat("Time to XID wraparound", "Time until the oldest database stops accepting writes. Estimated at the XID rate of the selected range, if nothing is frozen.",
         ("bottomk(1, (2147483648 - max by (cls, ins) (pg_db_age{@cls})) / clamp_min(max by (cls, ins) (rate(pg_xact_xmax{@cls}[$__range])), 0.001))", "{{cls}} {{ins}}"),
         unit="s", steps=below(XID_DAYS_LEFT), link=("pg-persist", "cls", "ins"), name=True),
    worst("Highest DB load (avg active sessions)", f"Average active sessions of the busiest instance. Compare with its CPU cores: above them queries wait for CPU or disk. {LATE}",
          "sum by (cls, ins) (rate(pg_db_active_time{@cls}[R]))", "cls", "ins", unit="short", decimals=2, link="pg-instance", none="Needs PostgreSQL 14+"),
    stat("Clusters", "Clusters monitored.", ("count(count by (cls) (pg_up{@cls}))", ""), unit="short"),
    stat("Instances", "PostgreSQL instances monitored.", ("count(pg_up{@cls})", ""), unit="short"),
    stat("Fleet TPS", "Commits and rollbacks per second of all instances.", ("sum(rate(pg_db_xact_total{@cls}[R]))", ""), unit="ops"),
)
page.row(
    "Alerts",
    alert_list("Firing and pending alerts", "Alerts of Grafana and of the data sources that evaluate rules."),
    alerts_over_time(w=12, h=8),
)
page.row(
    "Clusters and instances",
    table("Clusters", "One row per cluster, with the thresholds of the tiles above. Select a cluster to drill down.", ["cls"],
          Column("Up", "sum by (cls) (pg_up{@cls})", decimals=0),
          Column("Down", "count by (cls) (pg_up{@cls}) - sum by (cls) (pg_up{@cls})", steps=ANY_IS_BAD, decimals=0),
          Column("Primaries", "sum by (cls) (pg_in_recovery{@cls} == bool 0)", decimals=0, steps=[("red", None), ("green", 1), ("red", 2)]),
          Column("Size", 'sum by (cls) (max by (cls, datname) (pg_size_bytes{@cls,datname!~"wal|log"}))', "bytes"),
          Column("TPS", "sum by (cls) (rate(pg_db_xact_commit{@cls}[R]) + rate(pg_db_xact_rollback{@cls}[R]))", "ops"),
          Column("Active sessions (avg)", "sum by (cls) (rate(pg_db_active_time{@cls}[R]))", decimals=1),
          Column("Connections %", "max by (cls) (pg_connection_used_ratio{@cls})", "percentunit", above(CONNECTIONS)),
          Column("Max lag", "max by (cls) (pg_repl_replay_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("Max pool wait", "max by (cls) (pgbouncer_pool_maxwait_seconds{@cls})", "s", above(POOL_WAIT)),
          Column("XID age %", "max by (cls) (pg_db_age{@cls}) / 2147483648", "percentunit", above(XID_SHARE)),
          Column("Latest backup", "max by (cls) (min by (cls, stanza) (pgbackrest_repo_last_backup_age_seconds{@cls}))", "s", above(BACKUP_AGE)),
          Column("Alerts", 'count by (cls) (ALERTS{@cls,alertstate="firing",severity=~"critical|warning"}) or 0 * count by (cls) (pg_up{@cls})', decimals=0, steps=ANY_IS_BAD),
          sort="-Alerts", links={"cls": ("pg-cluster", "cls")}, h=7),
    table("Instances", "One row per instance. Select an instance to drill down.", ["cls", "ins"],
          Column("Up", "max by (cls, ins) (pg_up{@cls})", maps=UP),
          Column("Role", "max by (cls, ins) (pg_in_recovery{@cls})", maps=ROLE),
          Text("Version", "max by (cls, ins, version) (pg_meta_info{@cls})", "version"),
          Column("Uptime", "max by (cls, ins) (pg_uptime{@cls})", "s"),
          Column("TPS", "sum by (cls, ins) (rate(pg_db_xact_commit{@cls}[R]) + rate(pg_db_xact_rollback{@cls}[R]))", "ops"),
          Column("Active sessions (avg)", "sum by (cls, ins) (rate(pg_db_active_time{@cls}[R]))", decimals=1),
          Column("Mean transaction time", "sum by (cls, ins) (rate(pg_db_active_time{@cls}[R])) / (sum by (cls, ins) (rate(pg_db_xact_total{@cls}[R])) > 0)", "s"),
          Column("Connections %", "max by (cls, ins) (pg_connection_used_ratio{@cls})", "percentunit", above(CONNECTIONS)),
          Column("Replay lag", "max by (cls, ins) (pg_lag{@cls})", "s", above(LAG_SECONDS)),
          Column("Oldest transaction", "max by (cls, ins) (pg_activity_max_tx_duration{@cls})", "s", above((1800, 21600))),
          sort="Up", links={"cls": ("pg-cluster", "cls"), "ins": ("pg-instance", "cls", "ins")}, h=9),
)
page.row(
    "Trends",
    timeline("Role history", "Primary and standbys over time. A change of color is a failover or switchover.", ("max by (cls, ins) (pg_in_recovery{@cls})", "{{cls}} {{ins}}"),
             maps=ROLE, link=("pg-ha", "cls"), w=24),
    graph("DB load (avg active sessions): top 10 clusters", f"Average active sessions. A step up without more transactions means that queries got slower. {LATE}",
          ("topk(10, sum by (cls) (rate(pg_db_active_time{@cls}[R])))", "{{cls}}"), unit="short", link=("pg-cluster", "cls"), none="Needs PostgreSQL 14+", w=12),
    graph("TPS: top 10 clusters", "Commits and rollbacks per second. A drop to 0 while sessions are open is an outage.",
          ("topk(10, sum by (cls) (rate(pg_db_xact_total{@cls}[R])))", "{{cls}}"),
          ("sum(rate(pg_db_xact_total{@cls}[R] offset 1d))", "All clusters, 1 day ago"), unit="ops", link=("pg-cluster", "cls"), w=12),
)
