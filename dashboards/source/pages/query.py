"""Queries of one instance: All is a ranking, one query shows its trends."""

from common import texts_of
from load import COLORS
from page import Page, marks, unlabelled
from panels import graph, stat
from promql import top_rates
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, below

Q = '@ins,datname=~"$datname",query=~"$query"'
TEXT = texts_of("@ins")


def ratio(above, beneath, q=Q):
    """One counter's rate per another's, of the selected queries."""
    return f"sum(rate({above}{{{q}}}[R])) / (sum(rate({beneath}{{{q}}}[R])) > 0)"


def growth(name):
    """Growth of a counter in the selected range by query, with the query's text."""
    return f"((sum by (datname, query) (increase({name}{{{Q}}}[$__range])) > 0) * on (query) group_left (text) {TEXT})"


NEEDS = "Needs pg_stat_statements"

page = Page("query", "Query statistics from pg_stat_statements. Select one query, or All for the ranking. The top 128 by time per database are reported individually, the rest as `other`.",
            scope="instance", tags=["pg-query"], annotations=marks(),
            variables=[("datname", "Database", "label_values(pg_query_calls{@ins}, datname)", {"all_value": ".*"}),
                       ("query", "Query ID", 'label_values(pg_query_calls{@ins,datname=~"$datname"}, query)', {"all_value": ".*"})])

page.row(
    None,
    stat("% of execution time", "Execution time of the selection as % of that of all statements of the instance.",
         (f"sum(increase(pg_query_exec_time{{{Q}}}[$__range])) / sum(increase(pg_query_exec_time{{@ins}}[$__range]))", ""), unit="percentunit", none=NEEDS),
    stat("Top-N coverage", "Execution time covered by individually reported queries. Low: many distinct queries; look for literals that are not parameterized.",
         ('sum(increase(pg_query_exec_time{@ins,query!="other"}[$__range])) / sum(increase(pg_query_exec_time{@ins}[$__range]))', ""), unit="percentunit", steps=below((0.7, 0.3)), none=NEEDS),
    stat("Calls/s", "Executions per second.", (f"sum(rate(pg_query_calls{{{Q}}}[R]))", ""), unit="ops", none=NEEDS, w=3),
    stat("Mean execution time", "Average time of an execution.", (ratio("pg_query_exec_time", "pg_query_calls"), ""), unit="s", none=NEEDS),
    stat("Entries used", "Entries of pg_stat_statements as % of pg_stat_statements.max. At 100 % entries are evicted.", ("pg_statements_entries{@ins} / pg_statements_max_entries{@ins}", ""), unit="percentunit", none=NEEDS, w=3),
    stat("Evictions (range)", "Times that the least executed entries were evicted (pg_stat_statements_info.dealloc). If > 0, statistics of rare queries are incomplete: raise pg_stat_statements.max.",
         ("increase(pg_statements_dealloc_total{@ins}[$__range])", ""), unit="short", decimals=0, steps=ANY_IS_A_WARNING, none=NEEDS, w=3),
    unlabelled(page.targets, h=4, w=3),
    table("Top queries", "Ranking by total time in the selected range. Select a query ID to drill down.", ["datname", "query", "text"],
          Column("Total time", growth("pg_query_exec_time"), "s"),
          Column("% of total", f"{growth('pg_query_exec_time')} / scalar(sum(increase(pg_query_exec_time{{{Q}}}[$__range])))", "percentunit", decimals=1),
          Column("Mean time", f"{growth('pg_query_exec_time')} / {growth('pg_query_calls')}", "s"), Column("Calls", growth("pg_query_calls"), decimals=0),
          Column("Rows", growth("pg_query_rows"), decimals=0), Column("Blocks read", growth("pg_query_sblk_read"), decimals=0), Column("WAL", growth("pg_query_wal_bytes"), "bytes"),
          sort="-Total time", links={"query": ("query", "datname", "query"), "datname": ("database", "datname")}, widths={"datname": 100, "query": 195, "text": 560}, none=NEEDS, h=11),
)
page.row(
    "Trends",
    graph("Calls/s", "Executions per second, now and 1 day ago.", (f"sum(rate(pg_query_calls{{{Q}}}[R]))", "Now"), (f"sum(rate(pg_query_calls{{{Q}}}[R] offset 1d))", "1 day ago"), unit="ops", none=NEEDS),
    graph("Mean execution time", "Now and 1 day ago. A step is a new plan, or waits.", (ratio("pg_query_exec_time", "pg_query_calls"), "Now"),
          (f"sum(rate(pg_query_exec_time{{{Q}}}[R] offset 1d)) / (sum(rate(pg_query_calls{{{Q}}}[R] offset 1d)) > 0)", "1 day ago"), unit="s", none=NEEDS),
    graph("DB time by query (avg active sessions), top 10", "Average active sessions in each query.", (f"({top_rates(10, f'pg_query_exec_time{{{Q}}}', 'query')}) * on (query) group_left (text) {TEXT}", "{{text}} ({{query}})"), unit="short", link=("query", "query"), none=NEEDS),
    graph("DB load by wait event type (avg active sessions)", "Sessions that execute the selected queries, by what they wait for. Running: on a CPU or waiting for one.",
          ('sum by (wait_event_type) (rate(pg_session_query_seconds_total{@ins,datname=~"$datname|",query=~"$query"}[R]))', "{{wait_event_type}}"), unit="short", stack=True, colors=COLORS, none="None, or sampling is off"),
    graph("Rows per call", "Rows that an execution returns or changes. If it grows, the table grew or a filter changed.", (ratio("pg_query_rows", "pg_query_calls"), "Rows"), unit="short", none=NEEDS),
    graph("Shared blocks per call", "Blocks found in shared buffers, and blocks read. A step up at the same rows per call is another plan.", (ratio("pg_query_sblk_hit", "pg_query_calls"), "Hit"), (ratio("pg_query_sblk_read", "pg_query_calls"), "Read"), unit="short", none=NEEDS),
    graph("Blocks dirtied/written per call", "Blocks that an execution dirties, and blocks that it writes itself because no clean buffer was available.", (ratio("pg_query_sblk_dirtied", "pg_query_calls"), "Dirtied"), (ratio("pg_query_sblk_written", "pg_query_calls"), "Written"), unit="short", none=NEEDS),
    graph("Buffer cache hit ratio", "Shared blocks found in shared buffers.", (f"sum(rate(pg_query_sblk_hit{{{Q}}}[R])) / (sum(rate(pg_query_sblk_hit{{{Q}}}[R])) + sum(rate(pg_query_sblk_read{{{Q}}}[R])) > 0)", "Hit ratio"), unit="percentunit", top=1, none=NEEDS),
    graph("WAL generated", "WAL per second and per call: what the query costs replication and archiving.", (f"sum(rate(pg_query_wal_bytes{{{Q}}}[R]))", "Per second"), (ratio("pg_query_wal_bytes", "pg_query_calls"), "Per call"), unit="Bps", right=("Per call", "bytes"), none=NEEDS),
    graph("I/O wait %", "Execution time spent waiting for block I/O. Near 100 %: storage-bound. 0 unless track_io_timing is on.", (ratio("pg_query_io_time", "pg_query_exec_time"), "Shared blocks"), unit="percentunit", none=NEEDS),
    graph("Temp blocks", "Blocks that sorts and hashes write to disk. A high value means that work_mem is too small for this query.", (f"sum(rate(pg_query_temp_blks_written_total{{{Q}}}[R]))", "Written"), (f"sum(rate(pg_query_temp_blks_read_total{{{Q}}}[R]))", "Read"), unit="ops", none=NEEDS),
    graph("Planning time", "Average sessions planning. 0 unless pg_stat_statements.track_planning is on.", (f"sum(rate(pg_query_plan_seconds_total{{{Q}}}[R]))", "Planning"), unit="short", none="Needs pg_stat_statements.track_planning"),
    graph("JIT time", "Average sessions compiling. A high value for short queries: raise jit_above_cost.",
          (f"sum(rate(pg_query_jit_generation_seconds_total{{{Q}}}[R]))", "Generation"), (f"sum(rate(pg_query_jit_inlining_seconds_total{{{Q}}}[R]))", "Inlining"),
          (f"sum(rate(pg_query_jit_optimization_seconds_total{{{Q}}}[R]))", "Optimization"), (f"sum(rate(pg_query_jit_emission_seconds_total{{{Q}}}[R]))", "Emission"), unit="short", stack=True, none="No JIT activity (PostgreSQL 15+)"),
)
LATENCY = "Needs log_min_duration_sample and jsonlog or csvlog"
BUCKETS = f"sum by (le) (rate(pg_statement_query_duration_seconds_bucket{{{Q}}}[R]))"
MONITOR = f"sum by (le) (pg_monitor_response_seconds_bucket{{{Q}}})"


def percentile(share):
    """From the log, else from pg_stat_monitor."""
    return f"(histogram_quantile({share}, {BUCKETS}) or histogram_quantile({share}, {MONITOR}))"

page.row(
    "Latency and plans (server log)",
    graph("Latency percentiles", "Duration of executions, with those that sampling left out of the log.", (percentile(0.5), "P50"), (percentile(0.95), "P95"), (percentile(0.99), "P99"), unit="s", none=LATENCY),
    graph("Mean time by plan", "A step with another plan is a plan flip: see the shapes below.",
          (f"sum by (query, plan) (rate(pg_plan_seconds_total{{{Q}}}[R])) / (sum by (query, plan) (rate(pg_plan_calls_total{{{Q}}}[R])) > 0)", "{{query}} {{plan}}"), unit="s", none="Needs auto_explain"),
    graph("Plan changes", "Times that a statement got another plan.", (f"sum by (query) (increase(pg_plan_changes_total{{{Q}}}[R]))", "{{query}}"), unit="short", none="None, or no auto_explain"),
    table("Plans", "Shapes of the plans in the selected range: nodes, tables and indexes. The log store has the plans.", ["query", "plan", "shape"],
          Column("Executions", f"sum by (query, plan, shape) (increase(pg_plan_calls_total{{{Q}}}[$__range])) > 0", decimals=0),
          Column("Mean time", f"(sum by (query, plan, shape) (increase(pg_plan_seconds_total{{{Q}}}[$__range])) > 0) / sum by (query, plan, shape) (increase(pg_plan_calls_total{{{Q}}}[$__range]))", "s"),
          sort="-Executions", links={"query": ("query", "query")}, widths={"query": 195, "plan": 150, "shape": 640}, none="Needs auto_explain", w=24, h=7),
)
page.row(
    "Compare",
    graph("By cluster member", "Average active sessions by member: is it a single instance?", ('sum by (ins) (rate(pg_query_exec_time{@cls,datname=~"$datname",query=~"$query"}[R]))', "{{ins}}"), unit="short", link=("instance", "ins"), none=NEEDS, w=24, h=6),
    table("New queries (not seen 1 day ago)", "Queries that were not there 1 day ago, by average active sessions: what the latest release added.", ["query", "text"],
          Column("Active sessions (avg)", 'topk(20, (sum by (query) (rate(pg_query_exec_time{@ins,query!="other"}[R])) unless sum by (query) (pg_query_calls{@ins} offset 1d)) > 0) * on (query) group_left (text) ' + TEXT, "short"),
          sort="-Active sessions (avg)", links={"query": ("query", "query")}, widths={"query": 195, "text": 420}, none="None, or no data 1 day ago", w=12),
    table("Regressions vs. 1 week ago", "Mean execution time now divided by that of 1 week ago, where it at least doubled.", ["query", "text"],
          Column("× slower",
                 'topk(20, (sum by (query) (rate(pg_query_exec_time{@ins}[R])) / sum by (query) (rate(pg_query_calls{@ins}[R]))) / (sum by (query) (rate(pg_query_exec_time{@ins}[R] offset 1w))'
                 ' / sum by (query) (rate(pg_query_calls{@ins}[R] offset 1w))) > 2) * on (query) group_left (text) ' + TEXT, "short", [("orange", None), ("red", 5)], decimals=1),
          sort="-× slower", links={"query": ("query", "query")}, widths={"query": 195, "text": 420}, none="None, or no data 1 week ago", w=12),
)
