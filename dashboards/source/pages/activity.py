"""Sessions, waits and locks of one instance."""

from page import Page, alerts_firing, alerts_over_time, marks
from panels import graph, heat, stat
from tables import Column, table
from thresholds import (ANY_IS_A_WARNING, CONNECTIONS, DEADLOCKS, IDLE_IN_TRANSACTION, LOCK_TABLE, LOCK_WAITS, LONG_TRANSACTION, PREPARED, XMIN, above)

LOCKS = "(pg_setting_max_locks_per_transaction{@ins} * (pg_setting_max_connections{@ins} + pg_setting_max_prepared_transactions{@ins}))"

BLOCKERS = "SELECT pid, pg_blocking_pids(pid), state, query FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"

page = Page("pg-activity", "Sessions, waits and lock contention of one instance.", scope="instance", tags=["pg-instance"], annotations=marks())

page.row(
    None,
    stat("Connection usage", "Client connections as % of max_connections minus reserved slots. At 100 % new sessions are refused.", ("pg_connection_used_ratio{@ins}", ""), unit="percentunit", steps=above(CONNECTIONS)),
    stat("Connections", "Client connections, and max_connections minus reserved slots.", ("pg_connection_used{@ins}", "Used"), ("pg_connection_usable{@ins}", "Available"), unit="short"),
    stat("Blocked / root blockers", f"Sessions waiting for a lock, and sessions that block others without waiting themselves: those are the cause. To list them: {BLOCKERS}", ("sum(pg_blocking_blocked_sessions{@ins})", "Blocked"), ("sum(pg_blocking_root_blockers{@ins})", "Root blockers"), unit="short", steps=above(LOCK_WAITS)),
    stat("Lock queue depth", "Longest chain of sessions in which each waits for the next.", ("max(pg_blocking_max_depth{@ins})", ""), unit="short", steps=above((2, 4))),
    alerts_firing("@ins"),
    stat("Longest lock wait", "Longest time a session is waiting for a lock. pg_blocking_pids(pid) names the holder.", ("max(pg_blocking_max_wait_seconds{@ins})", ""), unit="s", steps=above((5, 60)), none="No sessions waiting"),
    stat("Longest transaction", "Age of the oldest open transaction.", ("max(pg_activity_max_tx_duration{@ins})", ""), unit="s", steps=above(LONG_TRANSACTION)),
    stat("Longest idle in transaction", "Longest time a session is idle in an open transaction: usually an application that forgot to COMMIT. idle_in_transaction_session_timeout ends such sessions.",
         ('max(pg_activity_max_duration{@ins,state=~"idle in transaction.*"})', ""), unit="s", steps=above(IDLE_IN_TRANSACTION)),
    stat("xmin horizon age (XIDs)", "XIDs since the oldest snapshot that vacuum has to respect. The table xmin horizon holders names the cause.", ("max(pg_xmin_age_xids{@ins})", ""), unit="short", steps=above(XMIN), none="None"),
    stat("Prepared transactions (2PC)", "Transactions prepared for two-phase commit. A forgotten one holds its locks and the xmin horizon until it is rolled back.",
         ("sum(pg_prepared_transactions{@ins})", ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("Oldest prepared transaction", "Age of the oldest prepared transaction.", ("max(pg_prepared_max_age_seconds{@ins})", ""), unit="s", steps=above(PREPARED), none="None"),
    stat("Lock table usage", "At 100 %: ERROR out of shared memory; raise max_locks_per_transaction. Usually caused by a query on thousands of partitions.", (f"sum(pg_lock_count{{@ins}}) / max({LOCKS})", ""), unit="percentunit", steps=above(LOCK_TABLE)),
    stat("TLS connections %", "Encrypted connections as % of all client connections.", ("pg_ssl_enabled{@ins} / (pg_ssl_enabled{@ins} + pg_ssl_disabled{@ins})", ""), unit="percentunit"),
    stat("Deadlocks (range)", "Sessions taking locks in different order.", ("sum(increase(pg_db_deadlocks{@ins}[$__range]))", ""), unit="short", decimals=0, steps=above(DEADLOCKS)),
    alerts_over_time("@ins", h=6),
)
page.row(
    "Sessions",
    graph("Sessions by state", "A pile-up of active sessions means they are waiting; sessions idle in transaction hold locks.", ('sum by (state) (pg_activity_count{@ins,state!~"disabled|fastpath.*"})', "{{state}}"), unit="short", stack=True),
    graph("Sessions by database", "Sessions per database.", ("pg_db_numbackends{@ins} > 0", "{{datname}}"), unit="short", stack=True, link=("pg-database", "datname")),
    graph("Sessions by application", "Top 10 user/application pairs.", ("topk(10, sum by (usename, appname) (pg_session_sessions{@ins}))", "{{usename}} {{appname}}"), unit="short", stack=True, none="Collector pg_session is off (enable it with a copy of its file without skip: true)"),
    graph("Backends by type", "Client backends and server processes (pg_stat_activity.backend_type).", ("sum by (type) (pg_backend_count{@ins})", "{{type}}"), unit="short", stack=True),
    graph("Longest transaction by state", "Age of the oldest transaction by session state.", ('max by (state) (pg_activity_max_tx_duration{@ins,state!~"disabled|fastpath.*"})', "{{state}}"), unit="s", steps=above(LONG_TRANSACTION)),
    graph("Session starts and failures", "Many new sessions: no connection pooler. If fatal or killed > 0, check the server log.",
          ("sum(rate(pg_db_sessions{@ins}[R]))", "Established"), ("sum(rate(pg_db_sessions_abandoned{@ins}[R]))", "Abandoned"), ("sum(rate(pg_db_sessions_fatal{@ins}[R]))", "Fatal"),
          ("sum(rate(pg_db_sessions_killed{@ins}[R]))", "Killed"), unit="ops", none="Needs PostgreSQL 14+"),
    heat("Transaction age distribution", "Open transactions by how long they have been open.", "sum by (le) (pg_xact_age_seconds_bucket{@ins})", unit="s"),
    heat("Idle-in-transaction age distribution", "Sessions idle in an open transaction, by how long.", "sum by (le) (pg_xact_age_idle_seconds_bucket{@ins})", unit="s"),
)
page.row(
    "Waits and locks",
    graph("Wait events by type", "Lock: blocked by another session. IO: storage. LWLock: internal contention. Client waits are idle time and not shown.", ('sum by (event) (pg_wait_count{@ins,event!~"Activity|Client|Running"})', "{{event}}"), unit="short", stack=True, none="No sessions waiting"),
    graph("Wait events, top 10", "Samples per second (pg_wait_sampling).", ('topk(10, sum by (etype, event) (rate(pg_wait_event_count{@ins,etype!~"Activity|Client"}[R])))', "{{etype}} {{event}}"), unit="ops", stack=True, none="Needs pg_wait_sampling"),
    graph("Blocked sessions by database", "Sessions waiting for a lock: when the pile-up began, and where.", ("pg_blocking_blocked_sessions{@ins}", "{{datname}}"), unit="short", steps=above(LOCK_WAITS), stack=True, link=("pg-database", "datname")),
    graph("Locks held by mode", "AccessExclusiveLock blocks everything else.", ("sum by (mode) (pg_lock_count{@ins} - pg_lock_waiting{@ins}) > 0", "{{mode}}"), unit="short", stack=True, none="No locks"),
    graph("Ungranted locks by mode", "Locks that sessions are waiting for.", ("sum by (mode) (pg_lock_waiting{@ins}) > 0", "{{mode}}"), unit="short", stack=True, none="No sessions waiting"),
    graph("Lock wait time by type", "Average sessions waiting, by lock type.", ("sum by (locktype) (rate(pg_lock_stat_wait_time{@ins}[R]))", "{{locktype}}"), unit="short", stack=True, none="Needs PostgreSQL 19+"),
    table("xmin horizon holders", "What vacuum has to respect. Terminate the session, roll back the prepared transaction, drop the slot, or check the standby.", ["holder", "datname", "name"],
          Column("Age (XIDs)", "max by (holder, datname, name) (pg_xmin_age_xids{@ins})", decimals=0, steps=above(XMIN)),
          Column("Age (time)", "max by (holder, datname, name) (pg_xmin_age_seconds{@ins})", "s"), sort="-Age (XIDs)", none="None", w=16),
    graph("Deadlocks per minute", "The server log has both statements.", ("sum by (datname) (rate(pg_db_deadlocks{@ins}[R])) * 60", "{{datname}}"), unit="short", link=("pg-database", "datname")),
)
