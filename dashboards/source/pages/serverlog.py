"""What the server log of one instance tells: latency of statements, errors, sessions, maintenance, and how far it was read."""

from common import texts_of
from page import Page, alerts_firing, marks
from panels import bars, graph, stat
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, above, below

TEXT = texts_of("@ins")
LOG = "Needs the server log: see guide/slow.md"
LATENCY = "Needs log_min_duration_sample: see guide/slow.md"
PLANS = "Needs auto_explain: see guide/slow.md"
# The target of the alerts, in seconds.
TARGET = "0.1"
BUCKETS = "sum by (le) (rate(pg_statement_duration_seconds_bucket{@ins}[R]))"
# Of the last minute, where the log has no durations.
MONITOR = "sum by (le) (pg_monitor_response_seconds_bucket{@ins})"
OF_QUERY = 'sum by (datname, query, le) (rate(pg_statement_query_duration_seconds_bucket{@ins}[R]))'


def percentile(share, buckets=BUCKETS):
    """A percentile of the duration of statements."""
    return f"histogram_quantile({share}, {buckets})"


def of_all(share):
    """The same of all statements, from the log, else from pg_stat_monitor."""
    return f"({percentile(share)} or {percentile(share, MONITOR)})"

# The statements that ran, of which a table shows the slowest.
SLOWEST = f"topk(20, {percentile(0.95, OF_QUERY)} >= 0)"


def grown(metric, by):
    """Growth of a counter in the selected range."""
    return f"sum by ({by}) (increase({metric}{{@ins}}[$__range])) > 0"


page = Page("serverlog", "Latency, errors, plan changes and maintenance from the server log. From a slow percentile: select the statement, then its plans and waits.",
            scope="instance", tags=["pg-query"], annotations=marks())

page.row(
    None,
    stat("P95 of statements", "95 % of the statements take at most this long. Select slow statements below.", (of_all(0.95), ""), unit="s", steps=above((0.1, 1)), none=LATENCY),
    stat(f"Statements within {TARGET} s", "Share of statements within the target of the alerts.",
         (f'sum(increase(pg_statement_duration_seconds_bucket{{@ins,le="{TARGET}"}}[$__range])) / sum(increase(pg_statement_duration_seconds_count{{@ins}}[$__range]))', ""),
         unit="percentunit", steps=below((0.99, 0.95)), none=LATENCY),
    stat("Plan changes (range)", "Times that a statement got another plan.", ("sum(increase(pg_plan_changes_total{@ins}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_A_WARNING, none="None, or no auto_explain"),
    stat("Errors/s", "Statements and sessions that failed, per second.", ("sum(rate(pg_log_error_total{@ins}[R]))", ""), unit="ops", steps=above((1, 5)), none="None, or the log is not read"),
    stat("Crashes (range)", "Server processes that crashed and ended all sessions.", ("sum(increase(pg_log_crash_total{@ins}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_BAD, none="None, or the log is not read", w=3),
    stat("Log not read yet", "Bytes of the log that the exporter has not read. If they grow, it cannot keep up.", ("sum(pg_exporter_log_lag_bytes{@ins})", ""), unit="bytes", none=LOG, w=2),
    alerts_firing(w=3),
)
page.row(
    "Latency of statements",
    graph("Latency percentiles", "Duration of statements, with those that sampling left out of the log. A step in all of them is the server, in p99 alone a few statements.",
          (of_all(0.5), "P50"), (of_all(0.95), "P95"), (of_all(0.99), "P99"), unit="s", none=LATENCY, w=12),
    graph(f"Share of statements within {TARGET} s", "The objective of the alerts is 99 %.",
          (f'sum(rate(pg_statement_duration_seconds_bucket{{@ins,le="{TARGET}"}}[R])) / sum(rate(pg_statement_duration_seconds_count{{@ins}}[R]))', "Share"), unit="percentunit", top=1, none=LATENCY, w=12),
    table("Slow statements", "The busiest statements by their 95th percentile. Select one for its plans, waits and trends.", ["datname", "query", "text"],
          Column("P95", f"{SLOWEST} * on (query) group_left (text) {TEXT}", "s", above((0.1, 1))),
          Column("P50", f"({percentile(0.5, OF_QUERY)} and on (datname, query) {SLOWEST}) * on (query) group_left (text) {TEXT}", "s"),
          Column("Calls/s", f"(sum by (datname, query) (rate(pg_statement_query_duration_seconds_count{{@ins}}[R])) and on (datname, query) {SLOWEST}) * on (query) group_left (text) {TEXT}", "ops"),
          sort="-P95", links={"query": ("query", "datname", "query"), "datname": ("database", "datname")}, widths={"datname": 100, "query": 195, "text": 560}, none=LATENCY, w=24, h=9),
    graph("P95 by database", "95th percentile of the duration of statements.", (percentile(0.95, "sum by (datname, le) (rate(pg_statement_duration_seconds_bucket{@ins}[R]))"), "{{datname}}"), unit="s", link=("database", "datname"), none=LATENCY),
    graph("P95 by application", "95th percentile by application_name.", (percentile(0.95, "sum by (application_name, le) (rate(pg_statement_application_duration_seconds_bucket{@ins}[R]))"), "{{application_name}}"), unit="s", none=LATENCY),
    graph("Parse, bind and fetch", "Average sessions in phases of the extended protocol beside the execution. Bind has the planning: if it is high, use prepared statements.",
          ("sum by (phase) (rate(pg_statement_phase_seconds_total{@ins}[R]))", "{{phase}}"), unit="short", stack=True, none=LATENCY),
)
page.row(
    "Plan changes",
    table("Statements with another plan", "Changes of plan in the selected range. Select a statement for its plans.", ["datname", "query", "text"],
          Column("Changes", f"({grown('pg_plan_changes_total', 'datname, query')}) * on (query) group_left (text) {TEXT}", decimals=0, steps=ANY_IS_A_WARNING),
          sort="-Changes", links={"query": ("query", "datname", "query")}, widths={"datname": 100, "query": 195, "text": 560}, none="None, or no auto_explain", w=16),
    graph("Plans that could not be read", "Plans that are longer than 64 KiB, or not in JSON (auto_explain.log_format).", ("sum by (reason) (rate(pg_plan_unread_total{@ins}[R]))", "{{reason}}"), unit="ops", none="None, or no auto_explain"),
)
page.row(
    "Errors",
    graph("Errors by severity and SQLSTATE", "Class 23 is a violated constraint, 40 a deadlock or serialization failure, 42 a wrong statement, 53 a lack of resources, 57 a cancelled one.",
          ("sum by (severity, code) (rate(pg_log_error_total{@ins}[R]))", "{{severity}} {{code}}"), unit="ops", none="None, or the log is not read", w=12),
    bars("Errors by database (range)", "Errors in the selected range.", (f"sort_desc({grown('pg_log_error_total', 'datname')})", "{{datname}}"), unit="short", link=("database", "datname"), none="None, or the log is not read", w=6),
    graph("Failed logins", "Refused authentications by address of the client.", ("sum by (remote_host) (rate(pg_log_auth_failure_total{@ins}[R]))", "{{remote_host}}"), unit="ops", none="None, or the log is not read", w=6),
    graph("Deadlocks and recovery conflicts", "Transactions that were ended.", ("sum(rate(pg_log_deadlock_total{@ins}[R]))", "Deadlocks"), ("sum(rate(pg_log_recovery_conflict_total{@ins}[R]))", "Recovery conflicts"), unit="ops", none="None, or the log is not read"),
    graph("Lock waits (p95)", "Waits for locks that were longer than deadlock_timeout (log_lock_waits).", ("histogram_quantile(0.95, sum by (mode, le) (rate(pg_log_lock_wait_seconds_bucket{@ins}[R])))", "{{mode}}"), unit="s", none="None, or log_lock_waits is off"),
    graph("Crashes and kills", "Crashes, and server processes that were ended by a signal.", ("sum(increase(pg_log_crash_total{@ins}[R]))", "Crashes"), ("sum by (signal) (increase(pg_log_killed_total{@ins}[R]))", "Signal {{signal}}"), unit="short", none="None, or the log is not read"),
)
page.row(
    "Sessions and maintenance",
    graph("Connections/s", "New sessions by user (log_connections). Many short ones: use a pool.", ("sum by (user) (rate(pg_log_connection_total{@ins}[R]))", "{{user}}"), unit="ops", none="Needs log_connections"),
    graph("Session time (p50)", "Half of the sessions are shorter (log_disconnections).", ("histogram_quantile(0.5, sum by (datname, le) (rate(pg_log_disconnection_session_seconds_bucket{@ins}[R])))", "{{datname}}"), unit="s", none="Needs log_disconnections"),
    graph("Temporary files", "Bytes that sorts and hashes write to disk (log_temp_files).", ("sum by (datname) (rate(pg_log_temp_file_bytes_total{@ins}[R]))", "{{datname}}"), unit="Bps", none="None, or log_temp_files is off"),
    graph("Checkpoint time (p95)", "Total time of checkpoints and restartpoints (log_checkpoints).", ("histogram_quantile(0.95, sum by (kind, le) (rate(pg_log_checkpoint_seconds_bucket{@ins}[R])))", "{{kind}}"), unit="s", none="None (range), or log_checkpoints is off"),
    graph("Autovacuum, busiest tables", "Average workers vacuuming a table (log_autovacuum_min_duration).", ("topk(10, sum by (datname, relname) (rate(pg_log_autovacuum_seconds_total{@ins}[R])) > 0)", "{{datname}} {{relname}}"), unit="short", none="None, or log_autovacuum_min_duration is off"),
    graph("Log events read", "Events of the log per second, and lines that could not be parsed.", ("sum(rate(pg_exporter_log_events_total{@ins}[R]))", "Read"), ("sum(rate(pg_exporter_log_not_understood_total{@ins}[R]))", "Not understood"), unit="ops", none=LOG),
)
