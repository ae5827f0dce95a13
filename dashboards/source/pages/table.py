"""Tables and indexes of one database: All ranks them, one shows its course."""

from page import Page, annotation
from panels import Column, bars, graph, table, texts
from thresholds import BLOAT, DEAD_ROWS, SEQUENCE, above

T = '@ins,datname="$datname",relname=~"$relname"'
D = '@ins,datname="$datname"'
VALID = texts(_0="red:invalid", _1="green:valid")
PHASE = texts(_0="blue:begins", _1="blue:scans the table", _2="orange:indexes", _3="blue:table", _4="blue:cleans up indexes", _5="blue:truncates", _6="blue:ends")
# The busiest tables are told one by one; the rest is one called other.
NAMED = D + ',relname=~"$relname",relname!="other"'

page = Page("pg-table", "PostgreSQL table", "Tables, their indexes and their maintenance. Choose one table, or All for the ranking. The exporter tells the busiest 256 of each database; the rest is the row other.",
            scope="instance", tags=["pg-table"],
            variables=[("datname", "Database", "label_values(pg_db_age{@ins}, datname)", {}),
                       ("relname", "Table", 'label_values(pg_table_tbl_scan{@ins,datname="$datname"}, relname)', {"all_value": ".*"})],
            annotations=[annotation("Autovacuum", "green", f"increase(pg_table_autovacuum_count{{{NAMED}}}[R]) > 0", "{{relname}}"),
                         annotation("Autoanalyze", "blue", f"increase(pg_table_autoanalyze_count{{{NAMED}}}[R]) > 0", "{{relname}}")])

page.row(
    None,
    table("Tables", "Ranking by scans. Red dead shares: vacuum does not keep up, or something holds it back (activity page, xmin). Click a name for one table.", ["relname"],
          Column("scans", f"sum by (relname) (rate(pg_table_tbl_scan{{{T}}}[R]))", "ops"),
          Column("rows read", f"sum by (relname) (rate(pg_table_tup_read{{{T}}}[R]))", "rowsps"),
          Column("rows changed", f"sum by (relname) (rate(pg_table_n_tup_mod{{{T}}}[R]))", "rowsps"),
          Column("live rows", f"sum by (relname) (pg_table_n_live_tup{{{T}}})", decimals=0),
          Column("dead rows", f"sum by (relname) (pg_table_n_dead_tup{{{T}}})", decimals=0),
          Column("dead share", f"sum by (relname) (pg_table_n_dead_tup{{{T}}}) / (sum by (relname) (pg_table_n_live_tup{{{T}}} + pg_table_n_dead_tup{{{T}}}) > 1000)", "percentunit", above(DEAD_ROWS)),
          Column("vacuum due", f"max by (relname) (pg_autovacuum_table_dead_ratio{{{T}}})", "percentunit", [("green", None), ("orange", 1.5), ("red", 5)]),
          Column("pages", f"sum by (relname) (pg_table_pages{{{T}}})", decimals=0),
          sort="-scans", links={"relname": ("pg-table", "relname")}, h=10),
)
page.row(
    "Access",
    graph("Sequential and index scans", "Sequential scans of a large table that many sessions do: an index is missing.", (f"sum(rate(pg_table_seq_scan{{{T}}}[R]))", "sequential"), (f"sum(rate(pg_table_idx_scan{{{T}}}[R]))", "index"), unit="ops"),
    graph("Rows by sequential scan", "Rows that one sequential scan reads. Many rows and many scans together are the cost.", (f"sum(rate(pg_table_seq_tup_read{{{T}}}[R])) / sum(rate(pg_table_seq_scan{{{T}}}[R]))", "rows by scan"), unit="short"),
    graph("Rows changed", "Rows inserted, updated, deleted per second.", (f"sum(rate(pg_table_n_tup_ins{{{T}}}[R]))", "inserted"), (f"sum(rate(pg_table_n_tup_upd{{{T}}}[R]))", "updated"),
          (f"sum(rate(pg_table_n_tup_del{{{T}}}[R]))", "deleted"), unit="rowsps", stack=True),
    graph("How updates land", "Share of updates that touch no index (HOT), and that move to another page. Few HOT ones: an indexed column changes often, or the fill factor is too high.",
          (f"sum(rate(pg_table_n_tup_hot_upd{{{T}}}[R])) / sum(rate(pg_table_n_tup_upd{{{T}}}[R]))", "HOT"),
          (f"sum(rate(pg_table_n_tup_newpage_upd{{{T}}}[R])) / sum(rate(pg_table_n_tup_upd{{{T}}}[R]))", "new page"), unit="percentunit", top=1),
    graph("Hit ratio", "Share of block reads that shared buffers answered, of the table and of its indexes.",
          (f"sum(rate(pg_table_heap_blks_hit{{{T}}}[R])) / (sum(rate(pg_table_heap_blks_hit{{{T}}}[R])) + sum(rate(pg_table_heap_blks_read{{{T}}}[R])))", "table"),
          (f"sum(rate(pg_table_idx_blks_hit{{{T}}}[R])) / (sum(rate(pg_table_idx_blks_hit{{{T}}}[R])) + sum(rate(pg_table_idx_blks_read{{{T}}}[R])))", "indexes"), unit="percentunit", top=1),
    graph("Size", "Bytes of the table, its indexes and its TOAST, as measured on disk.", (f"sum(pg_table_size_relsize{{{T}}})", "table"), (f"sum(pg_table_size_indexsize{{{T}}})", "indexes"),
          (f"sum(pg_table_size_toastsize{{{T}}})", "TOAST"), unit="bytes", stack=True, none="needs --tag exact_size"),
)
page.row(
    "Vacuum and analyze",
    graph("Dead rows, top 10", "Rows that vacuum has to remove. A saw tooth is healthy; a line that only climbs is not.", (f"topk(10, sum by (relname) (pg_table_n_dead_tup{{{NAMED}}}))", "{{relname}}"), unit="short", link=("pg-table", "relname")),
    graph("Changes since the last analyze, top 10", "Rows changed since statistics were taken. Half of the table: plans are made for other data.", (f"topk(10, sum by (relname) (pg_table_n_mod_since_analyze{{{NAMED}}}))", "{{relname}}"), unit="short"),
    graph("Inserts since the last vacuum, top 10", "Rows inserted since the last vacuum: unfrozen, and not yet in the visibility map, so index-only scans read the table.", (f"topk(10, sum by (relname) (pg_table_n_ins_since_vacuum{{{NAMED}}}))", "{{relname}}"), unit="short"),
    graph("Maintenance runs", "Vacuum and analyze runs per hour, by autovacuum and by hand.", (f"sum(rate(pg_table_autovacuum_count{{{T}}}[R])) * 3600", "autovacuum"), (f"sum(rate(pg_table_vacuum_count{{{T}}}[R])) * 3600", "vacuum"),
          (f"sum(rate(pg_table_autoanalyze_count{{{T}}}[R])) * 3600", "autoanalyze"), (f"sum(rate(pg_table_analyze_count{{{T}}}[R])) * 3600", "analyze"), unit="short", bars=True),
    graph("Time in vacuum", "Vacuums that run at a time, on average.", (f"sum(rate(pg_table_autovacuum_time{{{T}}}[R]))", "autovacuum"), (f"sum(rate(pg_table_vacuum_time{{{T}}}[R]))", "vacuum"), unit="short", none="needs PostgreSQL 18"),
    graph("Tables where autovacuum is due", "Tables above their threshold. Many for long: more workers, or less delay.", (f"pg_autovacuum_vacuum_due_tables{{{D}}}", "vacuum"), (f"pg_autovacuum_analyze_due_tables{{{D}}}", "analyze"),
          (f"pg_autovacuum_freeze_due_tables{{{D}}}", "freeze"), unit="short"),
    table("Vacuum that runs", "Progress of each vacuum. Many rounds over the indexes: maintenance_work_mem is too small.", ["relname", "pid"],
          Column("phase", f"max by (relname, pid) (pg_vacuuming_phase{{{T}}})", maps=PHASE),
          Column("scanned", f"max by (relname, pid) (pg_vacuuming_progress{{{T}}})", "percentunit"),
          Column("rounds", f"max by (relname, pid) (pg_vacuuming_index_rounds{{{T}}})", decimals=0),
          Column("since", f"max by (relname, pid) (pg_vacuuming_elapsed_seconds{{{T}}})", "s"), sort="-since", none="none runs", w=12),
    table("Last maintenance", "Time since the newest vacuum and analyze that autovacuum did.", ["relname"],
          Column("vacuum", f"time() - max by (relname) (pg_table_last_autovacuum_timestamp_seconds{{{NAMED}}})", "s"),
          Column("analyze", f"time() - max by (relname) (pg_table_last_autoanalyze_timestamp_seconds{{{NAMED}}})", "s"), sort="-vacuum", none="autovacuum has not run", w=12),
    bars("Oldest tables", "Transactions since the table was last frozen. At autovacuum_freeze_max_age a vacuum is forced; the oldest hold back the whole database.",
         (f"topk(10, max by (relname) (pg_oldest_table_age_xids{{{D}}}))", "{{relname}}"), unit="short", steps=above((200e6, 860e6)), w=12),
    bars("Autovacuum scores", "Who is next, as the server itself ranks: above 1 is due.", (f"pg_vacuum_score_max_vacuum_score{{{D}}}", "vacuum"), (f"pg_vacuum_score_max_analyze_score{{{D}}}", "analyze"),
         (f"pg_vacuum_score_max_xid_score{{{D}}}", "freeze"), unit="short", none="needs PostgreSQL 19", w=12),
)
page.row(
    "Indexes, bloat, sequences",
    table("Indexes", "Ranking by scans. Invalid ones are maintained and answer no query: drop them or build them anew.", ["relname", "idxname"],
          Column("scans", f"sum by (relname, idxname) (rate(pg_index_idx_scan{{{T}}}[R]))", "ops"),
          Column("rows by scan", f"sum by (relname, idxname) (rate(pg_index_idx_tup_read{{{T}}}[R])) / (sum by (relname, idxname) (rate(pg_index_idx_scan{{{T}}}[R])) > 0)", decimals=1),
          Column("size", f"max by (relname, idxname) (pg_index_size_bytes{{{T}}})", "bytes"),
          Column("valid", f"min by (relname, idxname) (pg_index_valid{{{T}}})", maps=VALID), sort="-scans", links={"relname": ("pg-table", "relname")}, h=9),
    table("Indexes not worth their keep", "Unused, invalid and redundant indexes: they cost writes and disk. Look at all standbys before dropping an unused one.", ["relname", "idxname", "reason", "twin"],
          Column("size", f"max by (relname, idxname, reason, twin) (pg_index_worst_bytes{{{T}}})", "bytes"), sort="-size", none="none", w=14),
    graph("Wasted by indexes", "Bytes of indexes by why they are not needed.", (f"pg_index_waste_unused_bytes{{{D}}}", "unused"), (f"pg_index_waste_duplicate_bytes{{{D}}}", "duplicate"),
          (f"pg_index_waste_prefix_bytes{{{D}}}", "prefix of another"), (f"pg_index_waste_invalid_bytes{{{D}}}", "invalid"), unit="bytes", stack=True, w=10),
    table("Bloat estimate", "Space that a rewrite would free, estimated from statistics: take it as a hint.", ["relname"],
          Column("table bloat", f"max by (relname) (pg_table_bloat_ratio{{{T}}})", "percentunit", above(BLOAT)),
          Column("table size", f"max by (relname) (pg_table_bloat_size{{{T}}})", "bytes"),
          Column("index bloat", f"max by (relname) (pg_index_bloat_ratio{{{T}}})", "percentunit", above(BLOAT)), sort="-table size", none="the collector is off, or statistics are missing", w=14),
    bars("Sequences by share used", "At 1 the next insert fails. Change the column to bigint before that.", (f"topk(10, pg_seq_used_ratio{{{D}}})", "{{seqname}}"), unit="percentunit", steps=above(SEQUENCE), top=1, none="no sequence told", w=10),
)
