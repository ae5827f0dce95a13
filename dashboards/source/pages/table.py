"""Tables and indexes of one database: All is a ranking, one table shows its trends."""

from mappings import texts
from page import Page, annotation
from panels import bars, graph
from promql import top_values
from tables import Column, table
from thresholds import BLOAT, DEAD_ROWS, SEQUENCE, above

T = '@ins,datname="$datname",relname=~"$relname"'
D = '@ins,datname="$datname"'
VALID = texts(_0="red:invalid", _1="green:valid")
PHASE = texts(_0="blue:initializing", _1="blue:scanning heap", _2="orange:vacuuming indexes", _3="blue:vacuuming heap", _4="blue:cleaning up indexes", _5="blue:truncating heap", _6="blue:final cleanup")
# The busiest tables are exported individually; the rest is summed as `other`.
NAMED = D + ',relname=~"$relname",relname!="other"'

page = Page("table", "Tables, indexes and maintenance. Select a table, or All for the ranking. The exporter reports the busiest 256 tables per database; the rest is summed as `other`.",
            scope="instance", tags=["pg-table"],
            variables=[("datname", "Database", "label_values(pg_db_age{@ins}, datname)", {}),
                       ("relname", "Table", 'label_values(pg_table_tbl_scan{@ins,datname="$datname"}, relname)', {"all_value": ".*"})],
            annotations=[annotation("Autovacuum", "green", f"increase(pg_table_autovacuum_count{{{NAMED}}}[R]) > 0", "{{relname}}", enable=False),
                         annotation("Autoanalyze", "blue", f"increase(pg_table_autoanalyze_count{{{NAMED}}}[R]) > 0", "{{relname}}", enable=False)])

page.row(
    None,
    table("Table ranking", "Ranking by scans. A high dead tuple %: vacuum does not keep up, or the xmin horizon is held back (see Sessions & locks). Select a table to drill down.", ["relname"],
          Column("Scans/s", f"sum by (relname) (rate(pg_table_tbl_scan{{{T}}}[R]))", "ops"),
          Column("Tuples read/s", f"sum by (relname) (rate(pg_table_tup_read{{{T}}}[R]))", "rowsps"),
          Column("Tuples changed/s", f"sum by (relname) (rate(pg_table_n_tup_mod{{{T}}}[R]))", "rowsps"),
          Column("Live tuples", f"sum by (relname) (pg_table_n_live_tup{{{T}}})", decimals=0),
          Column("Dead tuples", f"sum by (relname) (pg_table_n_dead_tup{{{T}}})", decimals=0),
          Column("Dead tuple %", f"sum by (relname) (pg_table_n_dead_tup{{{T}}}) / (sum by (relname) (pg_table_n_live_tup{{{T}}} + pg_table_n_dead_tup{{{T}}}) > 1000)", "percentunit", above(DEAD_ROWS)),
          Column("% of autovacuum threshold", f"max by (relname) (pg_autovacuum_table_dead_ratio{{{T}}})", "percentunit", [("green", None), ("orange", 1.5), ("red", 5)]),
          Column("Pages", f"sum by (relname) (pg_table_pages{{{T}}})", decimals=0),
          sort="-Scans/s", links={"relname": ("table", "relname")}, h=10),
)
page.row(
    "Access patterns",
    graph("Sequential and index scans", "Frequent sequential scans of a large table suggest a missing index.", (f"sum(rate(pg_table_seq_scan{{{T}}}[R]))", "Sequential scans"), (f"sum(rate(pg_table_idx_scan{{{T}}}[R]))", "Index scans"), unit="ops"),
    graph("Tuples read per sequential scan", "The cost is this value times the number of sequential scans.", (f"sum(rate(pg_table_seq_tup_read{{{T}}}[R])) / sum(rate(pg_table_seq_scan{{{T}}}[R]))", "Tuples read per sequential scan"), unit="short"),
    graph("Tuples inserted, updated, deleted", "Tuples per second.", (f"sum(rate(pg_table_n_tup_ins{{{T}}}[R]))", "Inserted"), (f"sum(rate(pg_table_n_tup_upd{{{T}}}[R]))", "Updated"),
          (f"sum(rate(pg_table_n_tup_del{{{T}}}[R]))", "Deleted"), unit="rowsps", stack=True),
    graph("HOT update ratio", "Updates that change no index (HOT), and updates that move to another page. A low HOT ratio: an indexed column changes often, or fillfactor is too high.",
          (f"sum(rate(pg_table_n_tup_hot_upd{{{T}}}[R])) / sum(rate(pg_table_n_tup_upd{{{T}}}[R]))", "HOT"),
          (f"sum(rate(pg_table_n_tup_newpage_upd{{{T}}}[R])) / sum(rate(pg_table_n_tup_upd{{{T}}}[R]))", "New page"), unit="percentunit", top=1),
    graph("Buffer cache hit ratio", "Block requests served from shared buffers, for the heap and the indexes.",
          (f"sum(rate(pg_table_heap_blks_hit{{{T}}}[R])) / (sum(rate(pg_table_heap_blks_hit{{{T}}}[R])) + sum(rate(pg_table_heap_blks_read{{{T}}}[R])))", "Heap"),
          (f"sum(rate(pg_table_idx_blks_hit{{{T}}}[R])) / (sum(rate(pg_table_idx_blks_hit{{{T}}}[R])) + sum(rate(pg_table_idx_blks_read{{{T}}}[R])))", "Indexes"), unit="percentunit", top=1),
    graph("Table size", "Size on disk of heap, indexes and TOAST.", (f"sum(pg_table_size_relsize{{{T}}})", "Heap"), (f"sum(pg_table_size_indexsize{{{T}}})", "Indexes"),
          (f"sum(pg_table_size_toastsize{{{T}}})", "TOAST"), unit="bytes", stack=True, none="Needs --tag exact_size"),
)
page.row(
    "Vacuum and analyze",
    graph("Dead tuples (top 10)", "Dead tuples that vacuum has to remove. A sawtooth is healthy; a line that only climbs is not.", (top_values(10, f"pg_table_n_dead_tup{{{NAMED}}}", "relname"), "{{relname}}"), unit="short", link=("table", "relname")),
    graph("Tuples modified since last analyze (top 10)", "If it is half of the table, plans are based on outdated statistics.", (top_values(10, f"pg_table_n_mod_since_analyze{{{NAMED}}}", "relname"), "{{relname}}"), unit="short", link=("table", "relname")),
    graph("Tuples inserted since last vacuum (top 10)", "These tuples are not frozen and not in the visibility map, so index-only scans read the heap.", (top_values(10, f"pg_table_n_ins_since_vacuum{{{NAMED}}}", "relname"), "{{relname}}"), unit="short", link=("table", "relname")),
    graph("Vacuum and analyze runs", "Runs per hour, automatic and manual.", (f"sum(rate(pg_table_autovacuum_count{{{T}}}[R])) * 3600", "Autovacuum"), (f"sum(rate(pg_table_vacuum_count{{{T}}}[R])) * 3600", "Vacuum"),
          (f"sum(rate(pg_table_autoanalyze_count{{{T}}}[R])) * 3600", "Autoanalyze"), (f"sum(rate(pg_table_analyze_count{{{T}}}[R])) * 3600", "Analyze"), unit="short", bars=True),
    graph("Vacuum time", "Average number of vacuums running.", (f"sum(rate(pg_table_autovacuum_time{{{T}}}[R]))", "Autovacuum"), (f"sum(rate(pg_table_vacuum_time{{{T}}}[R]))", "Vacuum"), unit="short", none="Needs PostgreSQL 18+"),
    graph("Tables due for autovacuum", "Tables above their threshold. If many stay due, add autovacuum workers or reduce the cost delay.", (f"pg_autovacuum_vacuum_due_tables{{{D}}}", "Vacuum"), (f"pg_autovacuum_analyze_due_tables{{{D}}}", "Analyze"),
          (f"pg_autovacuum_freeze_due_tables{{{D}}}", "Freeze"), unit="short"),
    table("Running vacuums", "Progress of each vacuum. More than one index scan: maintenance_work_mem is too small.", ["relname", "pid"],
          Column("Phase", f"max by (relname, pid) (pg_vacuuming_phase{{{T}}})", maps=PHASE),
          Column("Scanned %", f"max by (relname, pid) (pg_vacuuming_progress{{{T}}})", "percentunit"),
          Column("Index scans", f"max by (relname, pid) (pg_vacuuming_index_rounds{{{T}}})", decimals=0),
          Column("Elapsed", f"max by (relname, pid) (pg_vacuuming_elapsed_seconds{{{T}}})", "s"), sort="-Elapsed", links={"relname": ("table", "relname")}, none="No vacuum running", w=12),
    table("Last autovacuum / autoanalyze", "Time since the latest automatic vacuum and analyze of each table.", ["relname"],
          Column("Autovacuum", f"time() - max by (relname) (pg_table_last_autovacuum_timestamp_seconds{{{NAMED}}})", "s"),
          Column("Autoanalyze", f"time() - max by (relname) (pg_table_last_autoanalyze_timestamp_seconds{{{NAMED}}})", "s"), sort="-Autovacuum", links={"relname": ("table", "relname")}, none="Never autovacuumed", w=12),
    bars("Tables with oldest XID (relfrozenxid age)", "At autovacuum_freeze_max_age an anti-wraparound vacuum starts. The oldest table determines the XID age of the database.",
         (f"topk(10, max by (relname) (pg_oldest_table_age_xids{{{D}}}))", "{{relname}}"), unit="short", steps=above((200e6, 860e6)), link=("table", "relname"), w=12),
    bars("Autovacuum scores", "Above 1: due. PostgreSQL 19.", (f"pg_vacuum_score_max_vacuum_score{{{D}}}", "Vacuum"), (f"pg_vacuum_score_max_analyze_score{{{D}}}", "Analyze"),
         (f"pg_vacuum_score_max_xid_score{{{D}}}", "Freeze"), unit="short", none="Needs PostgreSQL 19+", w=12),
)
page.row(
    "Indexes, bloat, sequences",
    table("Index ranking", "Ranking by scans. Invalid indexes are maintained but never used: drop or reindex them.", ["relname", "idxname"],
          Column("Scans/s", f"sum by (relname, idxname) (rate(pg_index_idx_scan{{{T}}}[R]))", "ops"),
          Column("Tuples per scan", f"sum by (relname, idxname) (rate(pg_index_idx_tup_read{{{T}}}[R])) / (sum by (relname, idxname) (rate(pg_index_idx_scan{{{T}}}[R])) > 0)", decimals=1),
          Column("Size", f"max by (relname, idxname) (pg_index_size_bytes{{{T}}})", "bytes"),
          Column("Valid", f"min by (relname, idxname) (pg_index_valid{{{T}}})", maps=VALID), sort="-Scans/s", links={"relname": ("table", "relname")}, h=9),
    table("Unused, duplicate and invalid indexes", "They cost writes and disk space. Check all standbys before dropping an unused index.", ["relname", "idxname", "reason", "twin"],
          Column("Size", f"max by (relname, idxname, reason, twin) (pg_index_worst_bytes{{{T}}})", "bytes"), sort="-Size", links={"relname": ("table", "relname")}, none="None", w=14),
    graph("Wasted index space", "Size of indexes that are not needed, by reason.", (f"pg_index_waste_unused_bytes{{{D}}}", "Unused"), (f"pg_index_waste_duplicate_bytes{{{D}}}", "Duplicate"),
          (f"pg_index_waste_prefix_bytes{{{D}}}", "Redundant (prefix)"), (f"pg_index_waste_invalid_bytes{{{D}}}", "Invalid"), unit="bytes", stack=True, w=10),
    table("Estimated bloat", "Space that a rewrite would free, estimated from statistics: a hint, not a measurement.", ["relname"],
          Column("Table bloat %", f"max by (relname) (pg_table_bloat_ratio{{{T}}})", "percentunit", above(BLOAT)),
          Column("Wasted bytes", f"max by (relname) (pg_table_bloat_ratio{{{T}}} * pg_table_bloat_size{{{T}}})", "bytes"),
          Column("Index bloat %", f"max by (relname) (pg_index_bloat_ratio{{{T}}})", "percentunit", above(BLOAT)), sort="-Wasted bytes", links={"relname": ("table", "relname")}, none="Bloat collector off, or no statistics", w=14),
    bars("Sequence usage (top 10)", "At 100 % the next insert fails. Change the column to bigint before that.", (f"topk(10, pg_seq_used_ratio{{{D}}})", "{{seqname}}"), unit="percentunit", steps=above(SEQUENCE), top=1, none="No sequences", w=10),
)
