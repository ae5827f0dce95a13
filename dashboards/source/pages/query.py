"""Statements of one server: All ranks them, one shows its course."""

from page import Page, marks
from panels import Column, graph, stat, table
from thresholds import ANY_IS_A_WARNING, below

Q = '@ins,datname=~"$datname",query=~"$query"'
# The text, and 1 without one for statements whose text is not known.
TEXT = '(max by (query, text) (pg_query_info{@ins}) or on (query) max by (query) (pg_query_calls{@ins,query!="other"}) ^ 0)'


def share(above, beneath, q=Q):
    """One counter's rate by another's, of the chosen statements."""
    return f"sum(rate({above}{{{q}}}[R])) / (sum(rate({beneath}{{{q}}}[R])) > 0)"


def told(name):
    """What a counter grew in the time range by statement, with the statement's text."""
    return f"(sum by (datname, query) (increase({name}{{{Q}}}[$__range])) > 0) * on (query) group_left (text) {TEXT}"


NEEDS = "needs pg_stat_statements"

page = Page("pg-query", "PostgreSQL query", "Statements. Choose one, or All for the ranking. The exporter tells the busiest 128 by time of each database; the rest is the row other.",
            scope="instance", tags=["pg-query"], annotations=marks(),
            variables=[("datname", "Database", "label_values(pg_query_calls{@ins}, datname)", {"all_value": ".*"}),
                       ("query", "Query", 'label_values(pg_query_calls{@ins,datname=~"$datname"}, query)', {"all_value": ".*"})])

page.row(
    None,
    stat("Share of busy time", "Time of the chosen statements by all that the server's sessions executed in the shown range. Near 1 with one chosen: that is the problem.",
         (f"sum(increase(pg_query_exec_time{{{Q}}}[$__range])) / sum(increase(pg_db_active_time{{@ins,datname=~\"$datname\"}}[$__range]))", ""), unit="percentunit", none=NEEDS),
    stat("Shown one by one", "Share of time of the statements that have a row of their own. Low: the load is many different statements; look for texts that differ by constants.",
         ('sum(increase(pg_query_exec_time{@ins,query!="other"}[$__range])) / sum(increase(pg_query_exec_time{@ins}[$__range]))', ""), unit="percentunit", steps=below((0.7, 0.3)), none=NEEDS),
    stat("Calls", "Executions per second.", (f"sum(rate(pg_query_calls{{{Q}}}[R]))", ""), unit="ops", none=NEEDS),
    stat("Time by call", "Average time of an execution.", (share("pg_query_exec_time", "pg_query_calls"), ""), unit="s", none=NEEDS),
    stat("Entries in use", "Share of pg_stat_statements.max that is taken. Full: entries are evicted.", ("pg_statements_entries{@ins} / pg_statements_max_entries{@ins}", ""), unit="percentunit", none=NEEDS),
    stat("Evictions in the range", "Times that the least executed statements were thrown out. Any: numbers of rare statements cannot be trusted; raise pg_stat_statements.max.",
         ("increase(pg_statements_dealloc_total{@ins}[$__range])", ""), unit="short", decimals=0, steps=ANY_IS_A_WARNING, none=NEEDS),
    table("Statements", "Ranking by time in the shown range. Click a number for one statement.", ["datname", "query", "text"],
          Column("time", told("pg_query_exec_time"), "s"), Column("calls", told("pg_query_calls"), decimals=0),
          Column("rows", told("pg_query_rows"), decimals=0), Column("blocks read", told("pg_query_sblk_read"), decimals=0), Column("WAL", told("pg_query_wal_bytes"), "bytes"),
          sort="-time", links={"query": ("pg-query", "query")}, widths={"query": 190, "text": 560}, none=NEEDS, h=11),
)
page.row(
    "Course",
    graph("Calls", "Executions per second, now and yesterday.", (f"sum(rate(pg_query_calls{{{Q}}}[R]))", "now"), (f"sum(rate(pg_query_calls{{{Q}}}[R] offset 1d))", "yesterday"), unit="ops", none=NEEDS),
    graph("Time by call", "Average time of an execution, now and yesterday. A step is a new plan, or waits.", (share("pg_query_exec_time", "pg_query_calls"), "now"),
          (f"sum(rate(pg_query_exec_time{{{Q}}}[R] offset 1d)) / (sum(rate(pg_query_calls{{{Q}}}[R] offset 1d)) > 0)", "yesterday"), unit="s", none=NEEDS),
    graph("Busy sessions, top 10", "Sessions that are busy with each statement, on average.", (f"topk(10, sum by (query) (rate(pg_query_exec_time{{{Q}}}[R])))", "{{query}}"), unit="short", link=("pg-query", "query"), none=NEEDS),
    graph("Rows by call", "Rows that an execution returns or changes. Growth means that the data grew or the filter broke.", (share("pg_query_rows", "pg_query_calls"), "rows"), unit="short", none=NEEDS),
    graph("Blocks by call", "Blocks found in shared buffers and read. A step up at the same rows is another plan.", (share("pg_query_sblk_hit", "pg_query_calls"), "hit"), (share("pg_query_sblk_read", "pg_query_calls"), "read"), unit="short", none=NEEDS),
    graph("Blocks written by call", "Blocks that an execution dirties, and that it has to write itself since no buffer was clean.", (share("pg_query_sblk_dirtied", "pg_query_calls"), "dirtied"), (share("pg_query_sblk_written", "pg_query_calls"), "written"), unit="short", none=NEEDS),
    graph("Hit ratio", "Share of blocks that were in shared buffers.", (f"sum(rate(pg_query_sblk_hit{{{Q}}}[R])) / (sum(rate(pg_query_sblk_hit{{{Q}}}[R])) + sum(rate(pg_query_sblk_read{{{Q}}}[R])) > 0)", "hit ratio"), unit="percentunit", top=1, none=NEEDS),
    graph("WAL", "Bytes of WAL per second and by call: what the statement costs replication and the archive.", (f"sum(rate(pg_query_wal_bytes{{{Q}}}[R]))", "per second"), (share("pg_query_wal_bytes", "pg_query_calls"), "by call"), unit="Bps", right=("by call", "bytes"), none=NEEDS),
    graph("Share of time in I/O", "Time that executions wait for blocks. Near 1: storage-bound. 0 unless track_io_timing is on.", (share("pg_query_io_time", "pg_query_exec_time"), "shared blocks"), unit="percentunit", none=NEEDS),
    graph("Temporary blocks", "Blocks that sorts and hashes write to disk: work_mem is too small for this statement.", (f"sum(rate(pg_query_temp_blks_written_total{{{Q}}}[R]))", "written"), (f"sum(rate(pg_query_temp_blks_read_total{{{Q}}}[R]))", "read"), unit="ops", none=NEEDS),
    graph("Planning", "Sessions that are busy planning, on average. 0 unless pg_stat_statements.track_planning is on.", (f"sum(rate(pg_query_plan_seconds_total{{{Q}}}[R]))", "planning"), unit="short", none="needs pg_stat_statements.track_planning"),
    graph("JIT", "Sessions that are busy compiling, on average. Much for short statements: raise jit_above_cost.",
          (f"sum(rate(pg_query_jit_generation_seconds_total{{{Q}}}[R]))", "generation"), (f"sum(rate(pg_query_jit_inlining_seconds_total{{{Q}}}[R]))", "inlining"),
          (f"sum(rate(pg_query_jit_optimization_seconds_total{{{Q}}}[R]))", "optimization"), (f"sum(rate(pg_query_jit_emission_seconds_total{{{Q}}}[R]))", "emission"), unit="short", stack=True, none="nothing was compiled, or before PostgreSQL 15"),
)
page.row(
    "Compare",
    graph("The same on all members", "Busy sessions by member: is it one node?", ('sum by (ins) (rate(pg_query_exec_time{@cls,datname=~"$datname",query=~"$query"}[R]))', "{{ins}}"), unit="short", link=("pg-instance", "ins"), none=NEEDS, w=24),
    table("Newcomers", "Statements that were not there a day ago, by time per second: what the release added.", ["query", "text"],
          Column("time", 'topk(20, (sum by (query) (rate(pg_query_exec_time{@ins,query!="other"}[R])) unless sum by (query) (pg_query_calls{@ins} offset 1d)) > 0) * on (query) group_left (text) ' + TEXT, "short"),
          sort="-time", links={"query": ("pg-query", "query")}, none="none, or no data of a day ago"),
    table("Slower than a week ago", "Average time now by that of a week ago, where it at least doubled.", ["query", "text"],
          Column("factor",
                 'topk(20, (sum by (query) (rate(pg_query_exec_time{@ins}[R])) / sum by (query) (rate(pg_query_calls{@ins}[R]))) / (sum by (query) (rate(pg_query_exec_time{@ins}[R] offset 1w))'
                 ' / sum by (query) (rate(pg_query_calls{@ins}[R] offset 1w))) > 2) * on (query) group_left (text) ' + TEXT, "short", [("orange", None), ("red", 5)], decimals=1),
          sort="-factor", links={"query": ("pg-query", "query")}, none="none, or no data of a week ago"),
)
