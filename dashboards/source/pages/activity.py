"""Sessions, waits and locks of one server."""

from page import Page, alerts_firing, alerts_over_time, marks
from panels import Column, graph, heat, stat, table
from thresholds import (ANY_IS_A_WARNING, CONNECTIONS, DEADLOCKS, IDLE_IN_TRANSACTION, LOCK_TABLE, LOCK_WAITS, LONG_TRANSACTION, PREPARED, XMIN, above)

LOCKS = "(pg_setting_max_locks_per_transaction{@ins} * (pg_setting_max_connections{@ins} + pg_setting_max_prepared_transactions{@ins}))"

page = Page("pg-activity", "PostgreSQL activity", "Who is connected, who waits for what, who blocks whom.", scope="instance", tags=["pg-instance"], annotations=marks())

page.row(
    None,
    stat("Connection use", "Client connections by those open to ordinary roles. At 1 new sessions are refused.", ("pg_connection_used_ratio{@ins}", ""), unit="percentunit", steps=above(CONNECTIONS)),
    stat("Connections", "Client connections, and how many ordinary roles may open.", ("pg_connection_used{@ins}", "used"), ("pg_connection_usable{@ins}", "usable"), unit="short"),
    stat("Waiting for locks", "Processes that wait for a lock of another session.", ('sum(pg_wait_count{@ins,event="Lock"}) or vector(0)', ""), unit="short", steps=above(LOCK_WAITS)),
    stat("Blocked sessions", "Sessions that wait for another, and how many block without waiting themselves: those are the cause.", ("sum(pg_blocking_blocked_sessions{@ins})", "blocked"), ("sum(pg_blocking_root_blockers{@ins})", "cause"), unit="short", steps=above(LOCK_WAITS)),
    stat("Longest chain", "How many wait for one another in a row.", ("max(pg_blocking_max_depth{@ins})", ""), unit="short", steps=above((2, 4))),
    alerts_firing("@ins"),
    stat("Longest wait for a lock", "Seconds that a session has waited. pg_blocking_pids() names who holds it.", ("max(pg_blocking_max_wait_seconds{@ins})", ""), unit="s", steps=above((5, 60)), none="nobody waits"),
    stat("Longest transaction", "Age of the oldest open transaction.", ("max(pg_activity_max_tx_duration{@ins})", ""), unit="s", steps=above(LONG_TRANSACTION)),
    stat("Longest idle in transaction", "Time that a session has sat in an open transaction: an application that forgot to commit. idle_in_transaction_session_timeout ends such.",
         ('max(pg_activity_max_duration{@ins,state=~"idle in transaction.*"})', ""), unit="s", steps=above(IDLE_IN_TRANSACTION)),
    stat("Vacuum is held back by", "Transactions since the oldest whose rows somebody may still need. The table below names who.", ("max(pg_xmin_age_xids{@ins})", ""), unit="short", steps=above(XMIN), none="nobody"),
    stat("Prepared transactions", "Transactions prepared for two-phase commit, and the age of the oldest. A forgotten one holds locks and keeps vacuum from working for ever: roll it back.",
         ("sum(pg_prepared_transactions{@ins})", ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("Oldest prepared transaction", "Age of the oldest prepared transaction.", ("max(pg_prepared_max_age_seconds{@ins})", ""), unit="s", steps=above(PREPARED), none="none"),
    stat("Lock table use", "Locks by the room in shared memory. At 1: out of shared memory, commonly from thousands of partitions in one statement.", (f"sum(pg_lock_count{{@ins}}) / max({LOCKS})", ""), unit="percentunit", steps=above(LOCK_TABLE)),
    stat("Connections with TLS", "Share of connections that are encrypted.", ("pg_ssl_enabled{@ins} / (pg_ssl_enabled{@ins} + pg_ssl_disabled{@ins})", ""), unit="percentunit"),
    stat("Deadlocks in the range", "Deadlocks in the shown time range.", ("sum(increase(pg_db_deadlocks{@ins}[$__range]))", ""), unit="short", decimals=0, steps=above(DEADLOCKS)),
    alerts_over_time("@ins", h=6),
)
page.row(
    "Sessions",
    graph("Sessions by state", "Active ones that pile up wait for something; idle in transaction ones hold locks.", ('sum by (state) (pg_activity_count{@ins,state!~"disabled|fastpath.*"})', "{{state}}"), unit="short", stack=True),
    graph("Sessions by database", "Which application it is.", ("pg_db_numbackends{@ins} > 0", "{{datname}}"), unit="short", stack=True, link=("pg-database", "datname")),
    graph("Sessions by application", "The ten applications and roles with most sessions.", ("topk(10, sum by (usename, appname) (pg_session_sessions{@ins}))", "{{usename}} {{appname}}"), unit="short", stack=True, none="the collector pg_session is off by default"),
    graph("Processes by type", "Client backends, and the server's own.", ("sum by (type) (pg_backend_count{@ins})", "{{type}}"), unit="short", stack=True),
    graph("Longest by state", "The oldest transaction of each state.", ('max by (state) (pg_activity_max_tx_duration{@ins,state!~"disabled|fastpath.*"})', "{{state}}"), unit="s", steps=above(LONG_TRANSACTION)),
    graph("New and lost sessions", "Sessions per second that began, and that ended badly. Many new ones: no pooler.",
          ("sum(rate(pg_db_sessions{@ins}[R]))", "new"), ("sum(rate(pg_db_sessions_abandoned{@ins}[R]))", "lost their client"), ("sum(rate(pg_db_sessions_fatal{@ins}[R]))", "fatal error"),
          ("sum(rate(pg_db_sessions_killed{@ins}[R]))", "killed"), unit="ops", none="needs PostgreSQL 14"),
    heat("Open transactions by age", "How many transactions are open and how long already.", "sum by (le) (pg_xact_age_seconds_bucket{@ins})", unit="s"),
    heat("Idle in transaction by age", "How many sessions sit in an open transaction, and how long already.", "sum by (le) (pg_xact_age_idle_seconds_bucket{@ins})", unit="s"),
)
page.row(
    "Waits and locks",
    graph("Waiting processes by type", "The class of the bottleneck. Client is left out: those wait for the application.", ('sum by (event) (pg_wait_count{@ins,event!~"Activity|Client|Running"})', "{{event}}"), unit="short", stack=True, none="nobody waits"),
    graph("Wait events, top 10", "Samples per second that found a process in this event.", ('topk(10, sum by (etype, event) (rate(pg_wait_event_count{@ins,etype!~"Activity|Client"}[R])))', "{{etype}} {{event}}"), unit="ops", stack=True, none="needs pg_wait_sampling"),
    graph("Blocked sessions by database", "When the pile-up began.", ("pg_blocking_blocked_sessions{@ins}", "{{datname}}"), unit="short", steps=above(LOCK_WAITS), stack=True, link=("pg-database", "datname")),
    graph("Locks by mode", "Locks held or waited for. AccessExclusiveLock stops all others.", ("sum by (mode) (pg_lock_count{@ins}) > 0", "{{mode}}"), unit="short", stack=True, none="no lock"),
    graph("Locks waited for by mode", "Locks that somebody waits for.", ("sum by (mode) (pg_lock_waiting{@ins}) > 0", "{{mode}}"), unit="short", stack=True, none="nobody waits"),
    graph("Lock waits by kind", "Time lost in waits by kind of lock, as sessions that wait on average.", ("sum by (locktype) (rate(pg_lock_stat_wait_time{@ins}[R]))", "{{locktype}}"), unit="short", stack=True, none="needs PostgreSQL 19"),
    table("Who holds back vacuum", "Holder, and whom it is: end the session, roll back the prepared transaction, drop the slot, or look at the standby.", ["holder", "datname", "name"],
          Column("transactions", "max by (holder, datname, name) (pg_xmin_age_xids{@ins})", decimals=0, steps=above(XMIN)),
          Column("since", "max by (holder, datname, name) (pg_xmin_age_seconds{@ins})", "s"), sort="-transactions", none="nobody", w=16),
    graph("Deadlocks", "Deadlocks per minute. The log has both statements.", ("sum by (datname) (rate(pg_db_deadlocks{@ins}[R])) * 60", "{{datname}}"), unit="short", link=("pg-database", "datname")),
)
