"""One database of one instance."""

from common import texts_of
from load import COLORS, MEANING
from mappings import texts
from page import LATE, Page, alerts_firing, marks, unlabelled
from panels import graph, heat, stat
from tables import Column, table
from thresholds import ANY_IS_BAD, DATABASE_CONNECTIONS, DEADLOCKS, DEAD_ROWS, ROLLBACK, XID_DAYS_LEFT, XID_SHARE, above, below

DB = '@ins,datname="$datname"'
TEXT = texts_of("@ins")

RELKIND = texts(r="blue:table", i="blue:index", p="blue:partitioned table", I="blue:partitioned index", S="blue:sequence", v="blue:view", m="blue:materialized view", t="blue:TOAST table",
                f="blue:foreign table", c="blue:composite type")

page = Page("database", "One database: size, sessions, workload, and its top queries and tables.", scope="instance", tags=["pg-database"],
            annotations=marks(), variables=[("datname", "Database", "label_values(pg_db_age{@ins}, datname)", {})])


# Idle processes wait for a client or for work.
WAITS = f'pg_wait_count{{{DB},event!~"Activity|Client"}}'


def db(text):
    """The query for this database only."""
    return text.replace("@db", DB)


def growth(counter):
    """Growth of a counter in the selected range by query, with the query's text."""
    return f"((sum by (query) (increase({counter}{{{DB}}}[$__range])) > 0) * on (query) group_left (text) {TEXT})"


page.row(
    None,
    stat("Database size", "Size on disk.", (db("pg_size_bytes{@db}"), ""), unit="bytes", w=3),
    stat("Growth per day", "Size now minus size 1 day ago.", (db("pg_size_bytes{@db} - pg_size_bytes{@db} offset 1d"), ""), unit="bytes", none="No data 1 day ago", w=3),
    stat("Sessions", "Sessions connected to this database.", (db("pg_db_numbackends{@db}"), ""), unit="short", link="activity", w=3),
    stat("Connection limit usage", "Sessions as % of the database's CONNECTION LIMIT. At 100 % new sessions are refused.",
         (db("pg_db_numbackends{@db} / (pg_db_conn_limit{@db} > 0)"), ""), unit="percentunit", steps=above(DATABASE_CONNECTIONS), none="No CONNECTION LIMIT"),
    stat("TPS", "Commits and rollbacks per second.", (db("rate(pg_db_xact_total{@db}[R])"), ""), unit="ops", w=3),
    stat("Rollback ratio", "Rollbacks as % of all transactions in the selected range. A high value means a faulty release, or serialization conflicts being retried.",
         (db("increase(pg_db_xact_rollback{@db}[$__range]) / increase(pg_db_xact_total{@db}[$__range])"), ""), unit="percentunit", steps=above(ROLLBACK)),
    stat("Mean transaction time", "Mean active time of a transaction.", (db("rate(pg_db_active_time{@db}[R]) / rate(pg_db_xact_total{@db}[R])"), ""), unit="s", none="Needs PostgreSQL 14+"),
    stat("XID age", "XID age as % of 2^31 (2.1 billion XIDs), where PostgreSQL accepts no more writes.", (db("pg_db_age{@db} / 2147483648"), ""), unit="percentunit", decimals=1, steps=above(XID_SHARE), link="table"),
    stat("Time to XID wraparound", "Time until this database stops accepting writes. Estimated at the XID rate of the selected range, if nothing is frozen.",
         (db("(2147483648 - pg_db_age{@db}) / on (ins) clamp_min(rate(pg_xact_xmax{@ins}[$__range]), 0.001)"), ""), unit="s", steps=below(XID_DAYS_LEFT)),
    stat("Checksum failures", "If > 0, disk or memory corrupts data. Do not VACUUM FULL or REINDEX yet: take a file-level copy, then identify the damaged relation.",
         (db("pg_db_cks_fails{@db} >= 0"), ""), unit="short", steps=ANY_IS_BAD, none="Data checksums are off"),
    stat("Deadlocks (range)", "Sessions taking locks in different order.", (db("increase(pg_db_deadlocks{@db}[$__range])"), ""), unit="short", decimals=0, steps=above(DEADLOCKS)),
    alerts_firing("@ins"),
    unlabelled(page.targets, h=4),
)
page.row(
    "DB load and top queries",
    graph("DB load by wait event type (avg active sessions)", f"{MEANING} Of this database; autovacuum workers count, too. The largest area is where to look.",
          (f"sum by (event) (sum_over_time({WAITS}[R])) / scalar(max(count_over_time(pg_up{{@ins}}[R]))) or 0 * sum by (event) (count_over_time({WAITS}[$__range] @ end()))", "{{event}}"),
          unit="short", stack=True, colors=COLORS, link="activity", none="No session executed a statement at a scrape", w=10, h=10),
    table("Top queries by total time", "Queries with the most execution time in the selected range; the share is of this database. Select a query ID for its trends.", ["query", "text"],
          Column("Share", f"{growth('pg_query_exec_time')} / scalar(sum(increase(pg_query_exec_time{{{DB}}}[$__range])))", "percentunit", decimals=1),
          Column("Mean time", f"{growth('pg_query_exec_time')} / {growth('pg_query_calls')}", "s"),
          Column("Calls", growth("pg_query_calls"), decimals=0),
          Column("Rows", growth("pg_query_rows"), decimals=0),
          Column("Total time", growth("pg_query_exec_time"), "s"),
          sort="-Share", links={"query": ("query", "query")}, widths={"query": 195, "text": 250}, none="Needs pg_stat_statements", w=14, h=10),
)
page.row(
    "Databases on this instance",
    table("Databases", f"Select a database to drill down. {LATE}", ["datname"],
          Column("Size", 'max by (datname) (pg_size_bytes{@ins,datname!~"wal|log"})', "bytes"),
          Column("Sessions", "max by (datname) (pg_db_numbackends{@ins})", decimals=0),
          Column("TPS", "sum by (datname) (rate(pg_db_xact_total{@ins}[R]))", "ops"),
          Column("DB load", "sum by (datname) (rate(pg_db_active_time{@ins}[R]))", decimals=2),
          Column("XID age %", "max by (datname) (pg_db_age{@ins}) / 2147483648", "percentunit", above(XID_SHARE), decimals=1),
          sort="-DB load", links={"datname": ("database", "datname")}, h=7),
)
page.row(
    "Sessions",
    graph("Sessions by state", "A pile-up of active sessions means they are waiting; sessions idle in transaction hold locks.", (db('sum by (state) (pg_activity_count{@db,state!~"disabled|fastpath.*"})'), "{{state}}"), unit="short", stack=True, link="activity"),
    graph("Session time by state", "Average sessions that are active, idle in transaction, and connected. A large idle share suggests a connection pooler.",
          (db("rate(pg_db_active_time{@db}[R])"), "Active"), (db("rate(pg_db_ixact_time{@db}[R])"), "Idle in transaction"), (db("rate(pg_db_session_time{@db}[R])"), "Total"), unit="short", none="Needs PostgreSQL 14+"),
    graph("Session starts and failures", "Many new sessions: no connection pooler. If fatal or killed > 0, check the server log.",
          (db("rate(pg_db_sessions{@db}[R])"), "Established"), (db("rate(pg_db_sessions_abandoned{@db}[R])"), "Abandoned"), (db("rate(pg_db_sessions_fatal{@db}[R])"), "Fatal"),
          (db("rate(pg_db_sessions_killed{@db}[R])"), "Killed"), unit="ops", none="Needs PostgreSQL 14+"),
    heat("Transaction age distribution", "Open transactions by how long they have been open. High buckets are long transactions, which hold back the xmin horizon.", db("sum by (le) (pg_xact_age_seconds_bucket{@db})"), unit="s"),
    graph("Locks by mode", "Locks held or waited for. AccessExclusiveLock blocks everything else: DDL or VACUUM FULL in working hours?", (db("sum by (mode) (pg_lock_count{@db}) > 0"), "{{mode}}"), unit="short", stack=True, w=12, none="No locks", link="activity"),
)
page.row(
    "Workload",
    graph("Transactions per second", "Commits and rollbacks, and commits 1 day ago.", (db("rate(pg_db_xact_commit{@db}[R])"), "Commits"), (db("rate(pg_db_xact_rollback{@db}[R])"), "Rollbacks"),
          (db("rate(pg_db_xact_commit{@db}[R] offset 1d)"), "Commits, 1 day ago"), unit="ops"),
    graph("Buffer cache hit ratio", "Block requests served from shared buffers.", (db("rate(pg_db_blks_hit{@db}[R]) / (rate(pg_db_blks_access{@db}[R]) > 0)"), "Hit ratio"), unit="percentunit", top=1),
    graph("Blocks read (cache misses)", "Blocks per second that were not in shared buffers.", (db("rate(pg_db_blks_read{@db}[R])"), "Read"), unit="ops"),
    graph("Temp files", "Bytes and files per second that sorts and hashes spilled to disk.", (db("rate(pg_db_temp_bytes{@db}[R])"), "Bytes"), (db("rate(pg_db_temp_files{@db}[R])"), "Files"), unit="Bps", right=("Files", "ops")),
    graph("Tuples returned vs. fetched", "Returned far above fetched: scans reading many rows for few results; a missing index is the usual cause.",
          (db("rate(pg_db_tup_returned{@db}[R])"), "Returned"), (db("rate(pg_db_tup_fetched{@db}[R])"), "Fetched"), unit="rowsps"),
    graph("Tuples inserted, updated, deleted", "Tuples per second.", (db("rate(pg_db_tup_inserted{@db}[R])"), "Inserted"), (db("rate(pg_db_tup_updated{@db}[R])"), "Updated"),
          (db("rate(pg_db_tup_deleted{@db}[R])"), "Deleted"), unit="rowsps", stack=True),
)
page.row(
    "Tables and objects",
    table("Busiest tables", "Many dead tuples: vacuum does not keep up. Select a table to drill down.", ["relname"],
          Column("Scans/s", f"sum by (relname) (rate(pg_table_tbl_scan{{{DB}}}[R]))", "ops"),
          Column("Tuples changed/s", f"sum by (relname) (rate(pg_table_n_tup_mod{{{DB}}}[R]))", "rowsps"),
          Column("Live tuples", f"sum by (relname) (pg_table_n_live_tup{{{DB}}})", decimals=0),
          Column("Dead tuples", f"sum by (relname) (pg_table_n_dead_tup{{{DB}}})", decimals=0),
          Column("Dead tuple %", f"sum by (relname) (pg_table_n_dead_tup{{{DB}}}) / (sum by (relname) (pg_table_n_live_tup{{{DB}}} + pg_table_n_dead_tup{{{DB}}}) > 1000)", "percentunit", above(DEAD_ROWS)),
          sort="-Scans/s", links={"relname": ("table", "relname")}, h=10),
    stat("PgBouncer pool", "Clients of this database that PgBouncer serves and that are waiting.", ('sum(pgbouncer_pool_active_clients{@cls,datname="$datname"})', "Active clients"),
         ('sum(pgbouncer_pool_waiting_clients{@cls,datname="$datname"})', "Waiting clients"), unit="short", link="pgbouncer", none="No PgBouncer", w=6, h=6),
    table("Objects by type", "Relations of this database (pg_class.relkind).", ["relkind"],
          Column("Objects", f"max by (relkind) (pg_relkind_count{{{DB}}})", decimals=0), sort="-Objects", maps={"relkind": RELKIND}, w=9, h=6),
    table("Rows in default partitions", "Rows matching no partition. Adding the partition later scans and locks the default one.", ["relname"],
          Column("Rows", f"max by (relname) (pg_defpart_tuples{{{DB}}}) > 0", decimals=0, steps=[("orange", None)]), sort="-Rows", none="None", w=9, h=6),
)
