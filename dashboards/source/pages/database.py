"""One database of one server."""

from page import Page, alerts_firing, marks
from panels import Column, graph, heat, stat, table
from thresholds import ANY_IS_BAD, DATABASE_CONNECTIONS, DEADLOCKS, DEAD_ROWS, ROLLBACK, XID_DAYS_LEFT, XID_SHARE, above, below

DB = '@ins,datname="$datname"'
# The text, and 1 without one for statements whose text is not known.
TEXT = '(max by (query, text) (pg_query_info{@ins}) or on (query) max by (query) (pg_query_calls{@ins,query!="other"}) ^ 0)'

page = Page("pg-database", "PostgreSQL database", "One database: size, sessions, work, and the tables and statements behind it.", scope="instance", tags=["pg-database"],
            annotations=marks(), variables=[("datname", "Database", "label_values(pg_db_age{@ins}, datname)", {})])


def db(text):
    """The query for this database only."""
    return text.replace("@db", DB)


page.row(
    None,
    stat("Size", "Bytes on disk.", (db("pg_size_bytes{@db}"), ""), unit="bytes"),
    stat("Growth in a day", "Bytes that the database grew in a day, at the pace of the shown time range.", (db("deriv(pg_size_bytes{@db}[$__range]) * 86400"), ""), unit="bytes"),
    stat("Sessions", "Sessions in this database.", (db("pg_db_numbackends{@db}"), ""), unit="short", link="pg-activity"),
    stat("Use of the connection limit", "Sessions by the database's own limit of connections. At 1 new ones are refused, whatever the server's limit is.",
         (db("pg_db_numbackends{@db} / (pg_db_conn_limit{@db} > 0)"), ""), unit="percentunit", steps=above(DATABASE_CONNECTIONS), none="no limit set"),
    stat("Transactions", "Commits and rollbacks per second.", (db("rate(pg_db_xact_total{@db}[R])"), ""), unit="ops"),
    stat("Share of rollbacks", "Rollbacks by all transactions in the shown time range. Many: a faulty release, or conflicts that it retries.",
         (db("increase(pg_db_xact_rollback{@db}[$__range]) / increase(pg_db_xact_total{@db}[$__range])"), ""), unit="percentunit", steps=above(ROLLBACK)),
    stat("Time by transaction", "Average time that a transaction executes statements.", (db("rate(pg_db_active_time{@db}[R]) / rate(pg_db_xact_total{@db}[R])"), ""), unit="s", none="needs PostgreSQL 14"),
    stat("Transaction age", "Age of the oldest unfrozen transaction by 2^31, where PostgreSQL takes no more writes.", (db("pg_db_age{@db} / 2147483648"), ""), unit="percentunit", steps=above(XID_SHARE), link="pg-persist"),
    stat("Time to wraparound", "Time until then at the pace of the shown time range, if nothing is frozen.",
         (db("(2147483648 - pg_db_age{@db}) / on (ins) clamp_min(rate(pg_xact_xmax{@ins}[$__range]), 0.001)"), ""), unit="s", steps=below(XID_DAYS_LEFT)),
    stat("Damaged pages", "Pages found with a wrong checksum: the disk or memory damages data. Do not vacuum or reindex first: copy, then find what is hit.",
         (db("pg_db_cks_fails{@db} >= 0"), ""), unit="short", steps=ANY_IS_BAD, none="checksums are off"),
    stat("Deadlocks in the range", "Deadlocks in the shown time range.", (db("increase(pg_db_deadlocks{@db}[$__range])"), ""), unit="short", decimals=0, steps=above(DEADLOCKS)),
    alerts_firing("@ins"),
)
page.row(
    "Other databases",
    table("Databases of this server", "Click a name to look at another database.", ["datname"],
          Column("size", 'max by (datname) (pg_size_bytes{@ins,datname!~"wal|log"})', "bytes"),
          Column("sessions", "max by (datname) (pg_db_numbackends{@ins})", decimals=0),
          Column("transactions", "sum by (datname) (rate(pg_db_xact_total{@ins}[R]))", "ops"),
          Column("busy sessions", "sum by (datname) (rate(pg_db_active_time{@ins}[R]))", decimals=2),
          Column("XID age", "max by (datname) (pg_db_age{@ins}) / 2147483648", "percentunit", above(XID_SHARE)),
          sort="-busy sessions", links={"datname": ("pg-database", "datname")}, h=7),
)
page.row(
    "Sessions",
    graph("Sessions by state", "Active ones that pile up wait for something; idle in transaction ones hold locks.", (db('sum by (state) (pg_activity_count{@db,state!~"disabled|fastpath.*"})'), "{{state}}"), unit="short", stack=True, link="pg-activity"),
    graph("Where sessions spend their time", "Sessions that execute, that sit in an open transaction, and that are connected, on average. A wide gap of idle ones asks for a pooler.",
          (db("rate(pg_db_active_time{@db}[R])"), "active"), (db("rate(pg_db_ixact_time{@db}[R])"), "idle in transaction"), (db("rate(pg_db_session_time{@db}[R])"), "connected"), unit="short", none="needs PostgreSQL 14"),
    graph("New and lost sessions", "Sessions per second that began, and that ended badly. Many new ones: no pooler. Fatal or killed ones: read the log.",
          (db("rate(pg_db_sessions{@db}[R])"), "new"), (db("rate(pg_db_sessions_abandoned{@db}[R])"), "lost their client"), (db("rate(pg_db_sessions_fatal{@db}[R])"), "fatal error"),
          (db("rate(pg_db_sessions_killed{@db}[R])"), "killed"), unit="ops", none="needs PostgreSQL 14"),
    heat("Open transactions by age", "How many transactions are open and how long already. Marks high up are long ones, which keep vacuum from working.", db("sum by (le) (pg_xact_age_seconds_bucket{@db})"), unit="s"),
    graph("Locks by mode", "Locks held or waited for. AccessExclusiveLock stops all others: DDL, or VACUUM FULL, in working hours?", (db("sum by (mode) (pg_lock_count{@db}) > 0"), "{{mode}}"), unit="short", w=12, none="no lock", link="pg-activity"),
)
page.row(
    "Work",
    graph("Transactions", "Commits and rollbacks per second, and commits yesterday.", (db("rate(pg_db_xact_commit{@db}[R])"), "commits"), (db("rate(pg_db_xact_rollback{@db}[R])"), "rollbacks"),
          (db("rate(pg_db_xact_commit{@db}[R] offset 1d)"), "commits, yesterday"), unit="ops"),
    graph("Hit ratio", "Share of block reads that shared buffers answered.", (db("rate(pg_db_blks_hit{@db}[R]) / (rate(pg_db_blks_access{@db}[R]) > 0)"), "hit ratio"), unit="percentunit", top=1),
    graph("Blocks read", "Blocks per second that were not in shared buffers.", (db("rate(pg_db_blks_read{@db}[R])"), "read"), unit="ops"),
    graph("Temporary files", "Bytes per second that sorts and hashes spilled to disk, and files.", (db("rate(pg_db_temp_bytes{@db}[R])"), "bytes"), (db("rate(pg_db_temp_files{@db}[R])"), "files"), unit="Bps", right=("files", "ops")),
    graph("Rows returned and fetched", "Rows that scans read and those that queries used. Far apart: scans for little, an index is missing.",
          (db("rate(pg_db_tup_returned{@db}[R])"), "returned"), (db("rate(pg_db_tup_fetched{@db}[R])"), "fetched"), unit="rowsps"),
    graph("Rows changed", "Rows inserted, updated, deleted per second.", (db("rate(pg_db_tup_inserted{@db}[R])"), "inserted"), (db("rate(pg_db_tup_updated{@db}[R])"), "updated"),
          (db("rate(pg_db_tup_deleted{@db}[R])"), "deleted"), unit="rowsps", stack=True),
)
page.row(
    "What is behind it",
    table("Statements by time", "The statements that took most time in the shown range. Click a number for its page.", ["query", "text"],
          Column("time", f"(sum by (query) (increase(pg_query_exec_time{{{DB}}}[$__range])) > 0) * on (query) group_left (text) {TEXT}", "s"),
          Column("calls", f"(sum by (query) (increase(pg_query_calls{{{DB}}}[$__range])) > 0) * on (query) group_left (text) {TEXT}", decimals=0),
          Column("rows", f"(sum by (query) (increase(pg_query_rows{{{DB}}}[$__range])) > 0) * on (query) group_left (text) {TEXT}", decimals=0),
          sort="-time", links={"query": ("pg-query", "query")}, widths={"query": 190, "text": 700}, none="needs pg_stat_statements", h=10),
    table("Tables", "The busiest tables. Many dead rows: vacuum does not keep up. Click a name for its page.", ["relname"],
          Column("scans", f"sum by (relname) (rate(pg_table_tbl_scan{{{DB}}}[R]))", "ops"),
          Column("rows changed", f"sum by (relname) (rate(pg_table_n_tup_mod{{{DB}}}[R]))", "rowsps"),
          Column("live rows", f"sum by (relname) (pg_table_n_live_tup{{{DB}}})", decimals=0),
          Column("dead rows", f"sum by (relname) (pg_table_n_dead_tup{{{DB}}})", decimals=0),
          Column("dead share", f"sum by (relname) (pg_table_n_dead_tup{{{DB}}}) / (sum by (relname) (pg_table_n_live_tup{{{DB}}} + pg_table_n_dead_tup{{{DB}}}) > 1000)", "percentunit", above(DEAD_ROWS)),
          sort="-scans", links={"relname": ("pg-table", "relname")}, h=10),
    stat("Pool of this database", "Clients that PgBouncer serves and that wait, of this database's name.", ('sum(pgbouncer_pool_active_clients{@cls,datname="$datname"})', "served"),
         ('sum(pgbouncer_pool_waiting_clients{@cls,datname="$datname"})', "waiting"), unit="short", link="pg-pgbouncer", none="no PgBouncer", w=6, h=6),
    table("Objects", "Objects by kind: tables r, indexes i, partitioned p and I, sequences S, views v and m, TOAST t.", ["relkind"],
          Column("objects", f"max by (relkind) (pg_relkind_count{{{DB}}})", decimals=0), sort="-objects", w=9, h=6),
    table("Rows in default partitions", "Rows that no partition takes: a partition is missing, and adding it will lock and scan these rows.", ["relname"],
          Column("rows", f"max by (relname) (pg_defpart_tuples{{{DB}}}) > 0", decimals=0, steps=[("orange", None)]), sort="-rows", none="none, as it should be", w=9, h=6),
)
