"""The log shipper, and the lines themselves."""

from page import Page, alerts_firing
from panels import Column, graph, logs, stat, table
from thresholds import ANY_IS_BAD, above

NEEDS = "no Vector with these labels"
BY = "(ins, component_id)"

page = Page("pg-logs", "PostgreSQL logs", "Whether Vector loses lines, and the lines of one cluster.", scope="cluster", of="up", tags=["pg-logs"], logs=True)

page.row(
    None,
    stat("Lines lost in the range", "Lines thrown away without being told to. Evidence is gone: look at the component's errors.", ('sum(increase(vector_component_discarded_events_total{@cls,intentional="false"}[$__range]))', ""), unit="short", decimals=0, steps=ANY_IS_BAD, none="none, or no Vector"),
    stat("Errors", "Errors per second of all components.", ("sum(rate(vector_component_errors_total{@cls}[R]))", ""), unit="ops", steps=above((0.1, 1)), none="none, or no Vector"),
    stat("Busiest component", "Share of time that the busiest component works. At 1 it is the bottleneck.", ("max(vector_utilization{@cls})", ""), unit="percentunit", steps=above((0.8, 0.95)), none=NEEDS),
    stat("Lines read", "Lines per second from the sources. 0: nothing is logged, or the files moved.", ('sum(rate(vector_component_sent_events_total{@cls,component_kind="source"}[R]))', ""), unit="ops", none=NEEDS),
    stat("Uptime", "Of the shipper started last.", ("min(vector_uptime_seconds{@cls})", ""), unit="s", none=NEEDS),
    alerts_firing(),
)
page.row(
    "Shipper",
    table("Components", "Sources, transforms and sinks.", ["ins", "component_id"],
          Column("in", f"sum by {BY} (rate(vector_component_received_events_total{{@cls}}[R]))", "ops"), Column("out", f"sum by {BY} (rate(vector_component_sent_events_total{{@cls}}[R]))", "ops"),
          Column("errors in the range", f"sum by {BY} (increase(vector_component_errors_total{{@cls}}[$__range]))", decimals=0, steps=ANY_IS_BAD),
          Column("busy", f"max by {BY} (vector_utilization{{@cls}})", "percentunit", above((0.8, 0.95))), sort="-errors in the range", links={"ins": ("pg-instance", "ins")}, none=NEEDS),
    graph("Lines", "Lines per second: received up, sent down.", ("sum by (component_id) (rate(vector_component_received_events_total{@cls}[R]))", "{{component_id}} received"), ("sum by (component_id) (rate(vector_component_sent_events_total{@cls}[R]))", "{{component_id}} sent"), unit="ops", down="sent$", none=NEEDS),
    graph("Errors", "Errors per second by component.", ("sum by (component_id, error_type) (rate(vector_component_errors_total{@cls}[R]))", "{{component_id}} {{error_type}}"), unit="ops", none="none, or no Vector"),
    graph("Lines thrown away", "Lines per second, on purpose by a filter or not.", ("sum by (component_id, intentional) (rate(vector_component_discarded_events_total{@cls}[R]))", "{{component_id}} on purpose: {{intentional}}"), unit="ops", none="none, or no Vector"),
    graph("Buffers", "Lines that wait for their sink. Growing: the store does not take them.", ("sum by (component_id) (vector_buffer_size_events{@cls})", "{{component_id}}"), unit="short", none=NEEDS),
    graph("Bytes in buffers", "Bytes that wait for their sink.", ("sum by (component_id) (vector_buffer_size_bytes{@cls})", "{{component_id}}"), unit="bytes", none=NEEDS),
    graph("Utilisation", "Share of time that each component works.", ("max by (component_id) (vector_utilization{@cls})", "{{component_id}}"), unit="percentunit", top=1, none=NEEDS),
)
page.row(
    "Lines",
    logs("Errors of this cluster", "Lines with ERROR, FATAL or PANIC. What began first is commonly the cause.", '{cls="$cls"} |~ "ERROR|FATAL|PANIC"'),
    logs("All lines of this cluster", "The tail of all components.", '{cls="$cls"}'),
)
