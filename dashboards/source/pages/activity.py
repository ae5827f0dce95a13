"""Sessions, waits and locks of one instance."""

from common import texts_of
from load import IS_LOAD, load_by_wait
from page import Page, alerts_firing, alerts_over_time, marks, unlabelled
from panels import graph, heat, stat
from promql import top_rates, top_values
from tables import Column, table
from thresholds import (ANY_IS_A_WARNING, CONNECTIONS, DEADLOCKS, IDLE_IN_TRANSACTION, LOCK_TABLE, LOCK_WAITS, LONG_TRANSACTION, PREPARED, XMIN, above)

LOCKS = "(pg_setting_max_locks_per_transaction{@ins} * (pg_setting_max_connections{@ins} + pg_setting_max_prepared_transactions{@ins}))"

# pg_stat_statements knows a statement that has ended at least once; another one has no text.
WAITING = 'label_replace(pg_blocked_wait_seconds{@ins}, "query", "$1", "query_id", "(.+)")'
BLOCKED = ("max by (datname, pid, blocked_by, locktype, mode, query, text) "
           f"({WAITING} * on (query) group_left (text) max by (query, text) (topk by (query) (1, pg_query_info{{@ins}})) or on (pid) {WAITING})")

TEXT = texts_of("@ins")
LOAD_BY_QUERY = top_rates(10, "pg_session_query_seconds_total{@ins}", "query")
NEEDS_SAMPLES = "None, or sampling is off"
BLOCKERS = "SELECT pid, pg_blocking_pids(pid), state, query FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"

page = Page("activity", "Sessions, waits and lock contention of one instance.", scope="instance", tags=["pg-instance"], annotations=marks())

page.row(
    None,
    stat("Connection usage", "Client connections as % of max_connections minus reserved slots. At 100 % new sessions are refused.", ("pg_connection_used_ratio{@ins}", ""), unit="percentunit", steps=above(CONNECTIONS), w=3, h=3),
    stat("Connections", "Client connections, and max_connections minus reserved slots.", ("pg_connection_used{@ins}", "Used"), ("pg_connection_usable{@ins}", "Available"), unit="short", w=3, h=3),
    stat("Blocked / blocking", f"Sessions waiting for a lock, and sessions that block others without waiting themselves: those are the cause. To list them: {BLOCKERS}", ("sum(pg_blocking_blocked_sessions{@ins})", "Blocked"), ("sum(pg_blocking_root_blockers{@ins})", "Blocking"), unit="short", steps=above(LOCK_WAITS), w=3, h=3),
    stat("Lock queue depth", "Longest chain of sessions in which each waits for the next.", ("max(pg_blocking_max_depth{@ins})", ""), unit="short", steps=above((4, 10)), w=3, h=3),
    alerts_firing("@ins", w=3, h=3),
    stat("Longest lock wait", "Longest time a session is waiting for a lock. pg_blocking_pids(pid) names the holder.", ("max(pg_blocking_max_wait_seconds{@ins})", ""), unit="s", steps=above((5, 60)), none="No sessions waiting", w=3, h=3),
    stat("Longest transaction", "Age of the oldest open transaction.", ("max(pg_activity_max_tx_duration{@ins})", ""), unit="s", steps=above(LONG_TRANSACTION), w=3, h=3),
    stat("Idle in transaction", "Longest time a session is idle in an open transaction: usually an application that forgot to COMMIT. idle_in_transaction_session_timeout ends such sessions.",
         ('max(pg_activity_max_duration{@ins,state=~"idle in transaction.*"})', ""), unit="s", steps=above(IDLE_IN_TRANSACTION), w=3, h=3),
    stat("xmin age (XIDs)", "XIDs since the oldest snapshot that vacuum has to respect. The table xmin horizon holders names the cause.", ("max(pg_xmin_age_xids{@ins})", ""), unit="short", steps=above(XMIN), none="None", w=4, h=3),
    stat("Prepared (2PC)", "Transactions prepared for two-phase commit. A forgotten one holds its locks and the xmin horizon until it is rolled back.",
         ("sum(pg_prepared_transactions{@ins})", ""), unit="short", steps=ANY_IS_A_WARNING, w=3, h=3),
    stat("Oldest prepared", "Age of the oldest prepared transaction.", ("max(pg_prepared_max_age_seconds{@ins})", ""), unit="s", steps=above(PREPARED), none="None", w=3, h=3),
    stat("Lock table usage", "At 100 %: ERROR out of shared memory; raise max_locks_per_transaction. Usually caused by a query on thousands of partitions.", (f"pg_lock_table_entries{{@ins}} / {LOCKS}", ""), unit="percentunit", steps=above(LOCK_TABLE), w=4, h=3),
    stat("TLS connections %", "Encrypted connections as % of all client connections.", ("pg_ssl_enabled{@ins} / (pg_ssl_enabled{@ins} + pg_ssl_disabled{@ins})", ""), unit="percentunit", w=4, h=3),
    stat("Deadlocks (range)", "Sessions taking locks in different order.", ("sum(increase(pg_db_deadlocks{@ins}[$__range]))", ""), unit="short", decimals=0, steps=above(DEADLOCKS), w=3, h=3),
    unlabelled(page.targets, h=3, w=3),
)
page.row(
    "DB load and blocked sessions",
    load_by_wait("@ins", w=8, h=10),
    table("Who blocks whom", f"The sessions that wait longest for a lock, 20 at most. A process ID under Blocked by that is not under PID is the root: ask its user, or end it with pg_terminate_backend. Its statement: {BLOCKERS}",
          ["datname", "pid", "blocked_by", "locktype", "mode", "query", "text"],
          Column("Waiting for", BLOCKED, "s", above((5, 60))),
          sort="-Waiting for", links={"query": ("query", "datname", "query"), "datname": ("database", "datname")},
          widths={"datname": 90, "pid": 75, "blocked_by": 95, "locktype": 100, "mode": 165, "query": 190, "text": 190}, none="No blocked session", w=16, h=10),
)
page.row(
    "Where the load comes from",
    graph("DB load by wait event (avg active sessions), top 10", "What the sessions wait for, in detail. The documentation of PostgreSQL says what each event means.",
          (top_rates(10, f"pg_session_seconds_total{{@ins,{IS_LOAD}}}", "wait_event_type", "wait_event"), "{{wait_event_type}} {{wait_event}}"), unit="short", stack=True, none=NEEDS_SAMPLES, w=12),
    graph("DB load by query (avg active sessions), top 10", "The statements that the sessions execute. Select one for its trends.",
          (f"({LOAD_BY_QUERY}) * on (query) group_left (text) {TEXT} or label_replace({LOAD_BY_QUERY}, 'text', 'no query ID', 'query', '^$')", "{{text}} ({{query}})"),
          unit="short", stack=True, link=("query", "query"), none=NEEDS_SAMPLES, w=12),
    graph("DB load by user (avg active sessions), top 10", "The roles of the sessions that execute a statement.", (top_rates(10, "pg_session_user_seconds_total{@ins}", "usename"), "{{usename}}"), unit="short", stack=True, none=NEEDS_SAMPLES),
    graph("DB load by application (avg active sessions), top 10", "The application names of the sessions that execute a statement.", (top_rates(10, "pg_session_application_seconds_total{@ins}", "application_name"), "{{application_name}}"), unit="short", stack=True, none=NEEDS_SAMPLES),
    graph("Blocked sessions by blocker (avg), top 10", "Sessions that wait for a lock, by state and last statement of the session that blocks them. Idle in transaction: an application that forgot to COMMIT.",
          (top_rates(10, "pg_session_blocker_seconds_total{@ins}", "state", "query"), "{{state}} ({{query}})"), unit="short", stack=True, link=("query", "query"), none="No session was blocked"),
)
page.row(
    "Sessions",
    graph("Sessions by state", "A pile-up of active sessions means they are waiting; sessions idle in transaction hold locks.", ('sum by (state) (pg_activity_count{@ins,state!~"disabled|fastpath.*"})', "{{state}}"), unit="short", stack=True),
    graph("Sessions by database", "Sessions per database.", ("pg_db_numbackends{@ins} > 0", "{{datname}}"), unit="short", stack=True, link=("database", "datname")),
    graph("Sessions by application", "Top 10 user/application pairs.", (top_values(10, "pg_session_sessions{@ins}", "usename", "appname"), "{{usename}} {{appname}}"), unit="short", stack=True, none="Collector pg_session is off (to enable it, add a file with pg_session: { skip: false } after builtin:pg)"),
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
    graph("Wait events, top 10", "Samples per second (pg_wait_sampling).", (top_rates(10, 'pg_wait_event_count{@ins,etype!~"Activity|Client"}', "etype", "event"), "{{etype}} {{event}}"), unit="ops", stack=True, none="Needs pg_wait_sampling"),
    graph("Blocked sessions by database", "Sessions waiting for a lock: when the pile-up began, and where.", ("pg_blocking_blocked_sessions{@ins}", "{{datname}}"), unit="short", steps=above(LOCK_WAITS), stack=True, link=("database", "datname")),
    graph("Locks held by mode", "AccessExclusiveLock blocks everything else.", ("sum by (mode) (pg_lock_count{@ins} - pg_lock_waiting{@ins}) > 0", "{{mode}}"), unit="short", stack=True, none="No locks"),
    graph("Ungranted locks by mode", "Locks that sessions are waiting for.", ("sum by (mode) (pg_lock_waiting{@ins}) > 0", "{{mode}}"), unit="short", stack=True, none="No sessions waiting"),
    graph("Lock wait time by type", "Average sessions waiting, by lock type.", ("sum by (locktype) (rate(pg_lock_stat_wait_time{@ins}[R]))", "{{locktype}}"), unit="short", stack=True, none="Needs PostgreSQL 19+"),
    graph("Deadlocks per minute", "The server log has both statements.", ("sum by (datname) (rate(pg_db_deadlocks{@ins}[R])) * 60", "{{datname}}"), unit="short", link=("database", "datname")),
    table("xmin horizon holders", "What vacuum has to respect. Terminate the session, roll back the prepared transaction, drop the slot, or check the standby.", ["holder", "datname", "name"],
          Column("Age (XIDs)", "max by (holder, datname, name) (pg_xmin_age_xids{@ins})", decimals=0, steps=above(XMIN)),
          Column("Age (time)", "max by (holder, datname, name) (pg_xmin_age_seconds{@ins})", "s"), sort="-Age (XIDs)", none="None", w=12),
    alerts_over_time("@ins", w=12, h=8),
)
