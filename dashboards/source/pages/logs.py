"""The log lines of one cluster, and the pipeline that collects them."""

from page import Page, alerts_firing, alerts_over_time
from panels import graph, logs, stat
from tables import Column, table
from thresholds import ANY_IS_BAD, above

NEEDS = "No Vector target with this cluster label"
BY = "(ins, component_id)"
# The variable of each log store, its label, and the type of its data source.
LOKI = ("loki", "Loki", "loki")
VICTORIALOGS = ("victorialogs", "VictoriaLogs", "victoriametrics-logs-datasource")
WORST = "Lines with severity ERROR, FATAL or PANIC. The first one is usually the cause."

page = Page("logs", "Log pipeline health and the log of one cluster.", scope="cluster", of="pg_up|vector_uptime_seconds", tags=["pg-logs"], stores=[LOKI, VICTORIALOGS])

page.row(
    None,
    stat("Dropped log lines (range)", "Log lines dropped unintentionally. Check the errors of the component.", ('sum(increase(vector_component_discarded_events_total{@cls,intentional="false"}[$__range]))', ""), unit="short", decimals=0, steps=ANY_IS_BAD, none="None, or no Vector target"),
    stat("Pipeline errors", "Errors per second of all components.", ("sum(rate(vector_component_errors_total{@cls}[R]))", ""), unit="ops", steps=above((0.1, 1)), none="None, or no Vector target"),
    stat("Max component utilization", "At 100 % the component is the bottleneck.", ("max(vector_utilization{@cls})", ""), unit="percentunit", steps=above((0.8, 0.95)), none=NEEDS),
    stat("Lines collected per second", "Log lines per second from all sources. 0: nothing is logged, or the log files moved.", ('sum(rate(vector_component_sent_events_total{@cls,component_kind="source"}[R]))', ""), unit="ops", none=NEEDS),
    stat("Vector uptime (newest restart)", "Uptime of the Vector that started last.", ("min(vector_uptime_seconds{@cls})", ""), unit="s", none=NEEDS),
    alerts_firing(),
    alerts_over_time(),
)
# A site has one of the two stores, and the panels of the other would only show an error: a row is not queried until it is opened.
page.row(
    "Log lines in Loki",
    logs("Errors and above (Loki)", WORST, '{cls="$cls",severity=~"ERROR|FATAL|PANIC"}', LOKI),
    logs("All log lines (Loki)", "Log lines of all components.", '{cls="$cls"}', LOKI),
    collapsed=True,
)
page.row(
    "Log lines in VictoriaLogs",
    logs("Errors and above (VictoriaLogs)", WORST, '{cls="$cls"} severity:in(ERROR,FATAL,PANIC)', VICTORIALOGS),
    logs("All log lines (VictoriaLogs)", "Log lines of all components.", '{cls="$cls"}', VICTORIALOGS),
    collapsed=True,
)
page.row(
    "Log pipeline (Vector)",
    table("Components", "Sources, transforms and sinks.", ["ins", "component_id"],
          Column("Received/s", f"sum by {BY} (rate(vector_component_received_events_total{{@cls}}[R]))", "ops"), Column("Sent/s", f"sum by {BY} (rate(vector_component_sent_events_total{{@cls}}[R]))", "ops"),
          Column("Errors (range)", f"sum by {BY} (increase(vector_component_errors_total{{@cls}}[$__range]))", decimals=0, steps=ANY_IS_BAD),
          Column("Utilization", f"max by {BY} (vector_utilization{{@cls}})", "percentunit", above((0.8, 0.95))), sort="-Errors (range)", links={"ins": ("instance", "ins")}, none=NEEDS),
    graph("Log lines per second", "Received above zero, sent below.", ("sum by (component_id) (rate(vector_component_received_events_total{@cls}[R]))", "{{component_id}} received"), ("sum by (component_id) (rate(vector_component_sent_events_total{@cls}[R]))", "{{component_id}} sent"), unit="ops", down="sent$", none=NEEDS),
    graph("Pipeline errors", "Errors per second by component.", ("sum by (component_id, error_type) (rate(vector_component_errors_total{@cls}[R]))", "{{component_id}} {{error_type}}"), unit="ops", none="None, or no Vector target"),
    graph("Discarded log lines", "Log lines per second that a filter discarded, or that were dropped.", ("sum by (component_id, intentional) (rate(vector_component_discarded_events_total{@cls}[R]))", "{{component_id}} intentional: {{intentional}}"), unit="ops", none="None, or no Vector target"),
    graph("Buffered events", "Events waiting for their sink. If they grow, the sink does not accept them.", ("sum by (component_id) (vector_buffer_size_events{@cls})", "{{component_id}}"), unit="short", none=NEEDS),
    graph("Buffered bytes", "Bytes waiting for their sink.", ("sum by (component_id) (vector_buffer_size_bytes{@cls})", "{{component_id}}"), unit="bytes", none=NEEDS),
    graph("Utilization", "Share of time that each component is active.", ("max by (component_id) (vector_utilization{@cls})", "{{component_id}}"), unit="percentunit", top=1, none=NEEDS),
)
