"""Rules of the tuning page: what they find, with which evidence, and what to do about it.

A rule gives a row for each series of its expressions. Each expression has the evidence in one unit; where a rule has several, the
first decides, and all must give the same labels. Rows are told apart by these labels, of which an object has some.
"""

import re
from dataclasses import dataclass

OBJECT = ("ins", "datname", "relname", "idxname")
PRIMARY = "on (ins) pg_in_recovery{@cls} == 0"
# The rest of the tables stands under this name.
NAMED = '@cls,relname!="other"'
MIB, GIB = 2**20, 2**30


@dataclass
class Rule:
    """A finding. The expressions are those of the columns of evidence."""

    key: str
    priority: str
    finding: str
    advice: str
    share: str = ""
    size: str = ""
    time: str = ""
    count: str = ""


def _grown(counter, *labels):
    """Growth in the selected range, by labels beside the member."""
    return f"sum by ({', '.join(('ins', *labels))}) (increase({counter}[$__range]))"


def _grown_tables(counter):
    """Growth of a table's counter: of thousands of them the ends of the range are read, not all between. A reset is no growth."""
    return f"sum by (ins, datname, relname) ({counter} - {counter} offset $__range)"


def _ratio(part, whole, *labels):
    return f"{_grown(part, *labels)} / ({_grown(whole, *labels)} > 0)"


def _largest(gauge, *labels):
    return f"max by ({', '.join(('ins', *labels))}) ({gauge})"


def _setting(name, comparison):
    return f"({_largest(f'pg_setting_{name}{{@cls}}')} {comparison})"


def _waste(reason, least):
    """Indexes of the primary that are of no use for this reason."""
    worst = f'pg_index_worst_bytes{{@cls,reason=~"{reason}"}}'
    return _largest(f"{worst} > {least} and {PRIMARY}", "datname", "relname", "idxname")


# On a standby for reads an index may be in use that the primary never reads.
_unused = 'pg_index_worst_bytes{@cls,reason="unused"}'
_by_index = "(datname, relname, idxname)"
UNUSED = f"{_waste('unused', 10 * MIB)} and on {_by_index} (count by {_by_index} ({_unused}) == on () group_left () count(pg_up{{@cls}} == 1))"

CHECKPOINTS = f"({_grown('pg_checkpointer_req{@cls}')} + {_grown('pg_checkpointer_timed{@cls}')} > 3)"
REQUESTED = f"({_grown('pg_checkpointer_req{@cls}')} / {CHECKPOINTS} > 0.3)"
READS = f"({_grown('pg_db_blks_read{@cls}', 'datname')} > 100000)"
HITS = f"({_ratio('pg_db_blks_hit{@cls}', 'pg_db_blks_access{@cls}', 'datname')} < 0.95) and {READS}"
LARGE = f"(max by (ins, datname, relname) (pg_table_pages{{{NAMED}}}) * 8192 > {100 * MIB})"
SCANNED = f"({_grown_tables(f'pg_table_seq_scan{{{NAMED}}}')} > 30) and {LARGE}"
LIVE, DEAD = (_largest(f"pg_table_n_{name}_tup{{{NAMED}}} and {PRIMARY}", "datname", "relname") for name in ("live", "dead"))
DEAD_SHARE = f"({DEAD} > 10000) / ({LIVE} + {DEAD}) > 0.2"
UPDATED = f"({_grown_tables(f'pg_table_n_tup_upd{{{NAMED}}}')} > 10000)"
NOT_HOT = f"1 - {_grown_tables(f'pg_table_n_tup_hot_upd{{{NAMED}}}')} / {UPDATED} > 0.5"
# From PostgreSQL 17 on pg_stat_bgwriter does not count what sessions write; pg_stat_io counts it from 16 on.
BY_SESSIONS, BY_ALL = (f'pg_io_writes{{@cls,object="relation",context="normal"{more}}}' for more in (',type="client backend"', ""))
SESSION_WRITES = f"({_ratio(BY_SESSIONS, BY_ALL)} > 0.3) and ({_grown(BY_ALL)} > 10000)"
MEMORY = "on (ins) max by (ins) (node_memory_MemTotal_bytes{@cls})"

RULES = [
    Rule("fsync", "1", "fsync is off", "Turn it on: after a crash of the host the data are corrupt.", count=_setting("fsync", "== 0")),
    Rule("fpw", "1", "full_page_writes is off", "Turn it on, unless the file system writes pages atomically.", count=_setting("full_page_writes", "== 0")),
    Rule("autovacuum", "1", "autovacuum is off", "Turn it on: tables grow, statistics get old, and wraparound comes near.", count=_setting("autovacuum", "== 0")),
    Rule("counts", "1", "track_counts is off", "Turn it on: autovacuum does not work without it.", count=_setting("track_counts", "== 0")),
    Rule("wraparound", "1", "XID age above autovacuum_freeze_max_age", "Find what holds the xmin horizon; VACUUM (FREEZE) the oldest tables, see Tables & indexes.",
         share=f"{_largest('pg_db_age{@cls}', 'datname')} / 2147483648 and {_largest('pg_db_age{@cls}', 'datname')} > on (ins) group_left () 1.2 * {_largest('pg_setting_autovacuum_freeze_max_age{@cls}')}"),
    Rule("prepared", "1", "Prepared transaction is old", "COMMIT PREPARED or ROLLBACK PREPARED it: it holds its locks and the xmin horizon.", time=f"{_largest('pg_prepared_max_age_seconds{@cls}', 'datname')} > 3600"),
    Rule("invalid", "1", "Index is invalid", "DROP INDEX CONCURRENTLY it, or REINDEX INDEX CONCURRENTLY: it costs writes and serves no query.", size=_waste("invalid", -1)),
    Rule("sequence", "1", "Sequence is nearly exhausted", "Change the column and the sequence to bigint.", share='max by (ins, datname, relname) (label_replace(pg_seq_used_ratio{@cls}, "relname", "$1", "seqname", "(.+)")) > 0.7'),
    Rule("checkpoints", "2", "Checkpoints are requested by WAL size", "Raise max_wal_size until checkpoints start by checkpoint_timeout.", share=REQUESTED, count=f"{_grown('pg_checkpointer_req{@cls}')} and {REQUESTED}"),
    Rule("hit", "2", "Buffer cache hit ratio is low", "Look for queries that read many blocks, see Queries; then raise shared_buffers.", share=HITS, count=f"{READS} and {HITS}"),
    Rule("temp", "2", "Queries write temporary files", "Raise work_mem for the role or the query that sorts or hashes most, or add an index.", size=f"{_grown('pg_db_temp_bytes{@cls}', 'datname')} > {GIB}", count=f"{_grown('pg_db_temp_files{@cls}', 'datname')} and ({_grown('pg_db_temp_bytes{@cls}', 'datname')} > {GIB})"),
    Rule("seqscan", "2", "Large table is read by sequential scans", "Find the query in Queries and add an index for its filter.", size=f"{LARGE} and ({SCANNED})", count=SCANNED),
    Rule("dead", "2", "Many dead tuples", "Find what holds the xmin horizon; then lower its autovacuum_vacuum_scale_factor.", share=DEAD_SHARE, count=f"{DEAD} and ({DEAD_SHARE})"),
    Rule("never_vacuumed", "2", "Large table was never vacuumed", "VACUUM (ANALYZE) it, and check that autovacuum is not disabled for it.",
         count=_largest(f"pg_table_n_live_tup{{{NAMED}}} > 100000 unless pg_table_last_autovacuum_timestamp_seconds{{@cls}} unless pg_table_last_vacuum_timestamp_seconds{{@cls}} and {PRIMARY}", "datname", "relname")),
    Rule("never_analyzed", "2", "Large table was never analyzed", "ANALYZE it: without statistics plans are guesses.",
         count=_largest(f"pg_table_n_live_tup{{{NAMED}}} > 10000 unless pg_table_last_autoanalyze_timestamp_seconds{{@cls}} unless pg_table_last_analyze_timestamp_seconds{{@cls}} and {PRIMARY}", "datname", "relname")),
    Rule("autovacuum_off", "2", "Tables with autovacuum disabled", "Reset their storage parameter autovacuum_enabled.", count=f"{_largest('pg_autovacuum_disabled_tables{@cls}', 'datname')} > 0"),
    Rule("due", "2", "Autovacuum does not keep up", "Raise autovacuum_max_workers, or lower autovacuum_vacuum_cost_delay.", count=f"min by (ins, datname) (min_over_time(pg_autovacuum_vacuum_due_tables{{@cls}}[$__range])) > 10"),
    Rule("idle", "2", "Session idle in transaction for long", "Have the application COMMIT; set idle_in_transaction_session_timeout.",
         time='max by (ins, datname) (max_over_time(pg_activity_max_duration{@cls,state=~"idle in transaction.*"}[$__range])) > 300'),
    Rule("deadlocks", "2", "Deadlocks", "Have transactions take their locks in the same order; the server log has the statements.", count=f"{_grown('pg_db_deadlocks{@cls}', 'datname')} > 0"),
    Rule("rollbacks", "2", "Many transactions roll back", "Look for errors in the server log and for retries of the application.", share=f"({_ratio('pg_db_xact_rollback{@cls}', 'pg_db_xact_total{@cls}', 'datname')} > 0.1) and ({_grown('pg_db_xact_total{@cls}', 'datname')} > 1000)"),
    Rule("slots", "2", "Slots retain WAL without limit", "Set max_slot_wal_keep_size, or a lost consumer fills the disk.", count=f"count by (ins) (pg_slot_active{{@cls}}) and on (ins) {_setting('max_slot_wal_keep_size', '== -1')}"),
    Rule("inactive_slot", "2", "Inactive slot retains WAL", "Start its consumer or drop the slot.", size=f'max by (ins, relname) (label_replace(pg_slot_retained_bytes{{@cls}} and pg_slot_active{{@cls}} == 0, "relname", "$1", "slot_name", "(.+)")) > {GIB}'),
    Rule("connections", "2", "Many new connections per second", "Put a connection pooler between the application and the server.", count=f"sum by (ins) (rate(pg_db_sessions{{@cls}}[$__range])) > 10"),
    Rule("pending", "2", "Settings wait for a restart", "Plan a restart; SELECT name FROM pg_settings WHERE pending_restart lists them.", count=_setting("pending_restart", "> 0")),
    Rule("buffers_small", "2", "shared_buffers below 10 % of memory", "Raise it to a quarter of the host's memory.", share=f"{_setting('shared_buffers', '> 0')} / {MEMORY} < 0.1"),
    Rule("buffers_large", "2", "shared_buffers above half of memory", "Lower it to a quarter of the host's memory: the operating system caches the same pages.", share=f"{_setting('shared_buffers', '> 0')} / {MEMORY} > 0.5"),
    Rule("work_mem", "2", "work_mem of all connections exceeds memory", "Lower work_mem or max_connections, and raise work_mem by role.", size=f"{_setting('work_mem', '> 0')} * {_setting('max_connections', '> 0')} > {MEMORY}"),
    Rule("session_writes", "2", "Sessions write buffers themselves", "Raise bgwriter_lru_maxpages and lower bgwriter_delay, or raise shared_buffers.", share=SESSION_WRITES),
    Rule("unused", "3", "Index is not used on any member", "Watch it for a full business period, then DROP INDEX CONCURRENTLY it.", size=UNUSED),
    Rule("duplicate", "3", "Index is a duplicate", "DROP INDEX CONCURRENTLY it: another index has the same columns, see Tables & indexes.", size=_waste("duplicate|prefix", 10 * MIB)),
    Rule("bloat", "3", "Table is bloated", "Rebuild it with pg_repack or VACUUM FULL in a maintenance window.", share=f"{_largest('pg_table_bloat_ratio{@cls}', 'datname', 'relname')} > 0.5 and {_largest(f'pg_table_bloat_size{{@cls}} > {100 * MIB}', 'datname', 'relname')}"),
    Rule("hot", "3", "Updates change many indexes (few HOT updates)", "Lower the fillfactor of the table, or drop indexes of columns that change.", share=NOT_HOT, count=f"{UPDATED} and ({NOT_HOT})"),
    Rule("wal_buffers", "3", "WAL buffers fill up", "Raise wal_buffers.", count=f"{_grown('pg_wal_buffers_full{@cls}')} > 10000"),
    Rule("workers", "3", "Parallel workers were not available", "Raise max_parallel_workers and max_worker_processes, or lower max_parallel_workers_per_gather.",
         share=f"1 - {_ratio('pg_db_parallel_workers_launched{@cls}', 'pg_db_parallel_workers_to_launch{@cls}', 'datname')} > 0.1"),
    Rule("statements", "3", "pg_stat_statements evicts entries", "Raise pg_stat_statements.max, or use parameters in place of literals.", count=f"{_grown('pg_statements_dealloc_total{@cls}')} > 0"),
    Rule("completion", "3", "checkpoint_completion_target below 0.9", "Set it to 0.9, so that checkpoints write evenly.", share=_setting("checkpoint_completion_target", "< 0.85")),
    Rule("io_timing", "3", "track_io_timing is off", "Turn it on, unless pg_test_timing shows a slow clock: I/O waits of queries are not measured.", count=_setting("track_io_timing", "== 0")),
    Rule("idle_timeout", "3", "idle_in_transaction_session_timeout is off", "Set it, e.g. to 10 min: a forgotten transaction holds locks and the xmin horizon.", time=_setting("idle_in_transaction_session_timeout", "== 0")),
    Rule("checksums", "3", "Data checksums are off", "Enable them with pg_checksums in a maintenance window: corruption goes undetected.", count=_setting("data_checksums", "== 0")),
    Rule("huge_pages", "3", "Huge pages are not in use", "Reserve vm.nr_hugepages for the shared memory: page tables of each session get smaller.", size=f"{_setting('shared_buffers', f'> {8 * GIB}')} and on (ins) {_setting('hugepage_status', '== 0')}"),
    Rule("max_connections", "3", "max_connections is high", "Lower it and use a connection pooler: snapshots and memory cost grow with it.", count=_setting("max_connections", "> 1000")),
    Rule("maintenance", "3", "maintenance_work_mem is low for the data", "Raise it to 1 GiB: vacuum scans indexes several times, and index builds sort on disk.",
         size=f"{_setting('maintenance_work_mem', f'< {128 * MIB}')} and on (ins) (sum by (ins) (pg_size_bytes{{@cls}}) > {100 * GIB})"),
]


def column(unit):
    """The query of a column of evidence: the rows of all rules that have it, each with its rule and priority."""
    rows = []
    for rule in RULES:
        query = getattr(rule, unit)
        if not query:
            continue
        for label, value in (("finding", rule.key), ("advice", rule.key), ("priority", rule.priority)):
            query = f'label_replace({query}, "{label}", "{value}", "", "")'
        rows.append(query)
    found = " or ".join(rows)
    labels = [label for label in OBJECT if re.search(rf"\b{label}\b", found)]
    return f"max by (priority, finding, {', '.join(labels)}, advice) ({found})"


def texts_of(field):
    """The value mapping of a column of texts from the rules' keys."""
    options = {rule.key: {"text": getattr(rule, field), "index": index} for index, rule in enumerate(RULES)}
    return [{"type": "value", "options": options}]
