"""Monitoring of the exporters: targets down, slow scrapes, failing collectors."""

from mappings import UP, texts
from page import Page, alerts_firing, alerts_over_time
from panels import bars, graph, names, stat
from promql import counted, ranked
from tables import Column, table
from thresholds import ANY_IS_BAD, EXPORTER_AGE, above

ALL = ("pg", "pgbouncer", "pgbackrest")


def each(pattern, joined=" or "):
    """The same of all three exporters."""
    return joined.join(pattern.replace("NS", one) for one in ALL)


page = Page("exporter", "Exporter health, scrape cost and failing collectors.", scope="instance", of="(pg|pgbouncer|pgbackrest)_exporter_build_info", tags=["pg-exporter"])

page.row(
    None,
    stat("Scrape targets down", "Prometheus targets of this instance that could not be scraped.", (counted("up{@ins} == 0", "up{@ins}"), ""), unit="short", steps=ANY_IS_BAD),
    stat("Monitored services", "Whether PostgreSQL, PgBouncer and pgBackRest were up in the last scrape.", ("pg_up{@ins}", "PostgreSQL"), ("pgbouncer_up{@ins}", "PgBouncer"), ("min(pgbackrest_up{@ins})", "pgBackRest"), unit="none", maps=UP, w=8),
    names("Down reason", "Reason while a monitored service is down.", each("NS_up_reason{@ins}"), "reason", none="–", usual="–"),
    stat("Failing collectors", "Collectors whose last run failed. Collector failures by reason names them.", (counted(each("NS_exporter_collector_success{@ins} == 0"), each("NS_exporter_collector_success{@ins}")), ""), unit="short", steps=ANY_IS_BAD),
    alerts_firing("@ins"),
    stat("Last scrape", "Time since the last scrape. A high value means that Prometheus does not reach the exporter.", (f"clamp_min(max(time() - ({each('NS_exporter_last_scrape_time{@ins}')})), 0)", ""), unit="s", steps=above(EXPORTER_AGE)),
    stat("Configuration reload", "Result of the last reload. If it failed, the previous configuration is still in use.", (f"min({each('NS_exporter_config_last_reload_successful{@ins}')})", ""), unit="none", maps=texts(_0="red:failed", _1="green:ok")),
    stat("Exporter connections", "Connections that the exporter has open, and its limit.", ("pg_exporter_connections{@ins}", "Open"), ("pg_exporter_connections_budget{@ins}", "Limit"), unit="short"),
    stat("Query load on PostgreSQL", "Average sessions that the exporter's queries keep active.", ("rate(pg_exporter_query_seconds_total{@ins}[R])", ""), unit="short", steps=above((0.1, 0.5))),
    stat("pgbackrest info age", "Time since the last successful pgbackrest info.", ("max(pgbackrest_collect_age_seconds{@ins})", ""), unit="s", steps=above((600, 1800)), none="No pgbackrest-exporter target with this instance label"),
    stat("Samples scraped", "Samples of the last scrape of all targets of this instance.", ("sum(scrape_samples_scraped{@ins})", ""), unit="short"),
    alerts_over_time("@ins"),
)
page.row(
    "Targets",
    table("Targets", "Scrape targets of this instance.", ["job", "instance"],
          Column("Up", "max by (job, instance) (up{@ins})", maps=UP),
          Column("Scrape duration", "max by (job, instance) (scrape_duration_seconds{@ins})", "s"),
          Column("Samples", "max by (job, instance) (scrape_samples_scraped{@ins})", decimals=0), sort="Job", w=12),
    table("Exporter versions", "All members should have the same version.", ["ins", "version"], Column("Exporters", f"count by (ins, version) ({each('NS_exporter_build_info{@cls}')})", decimals=0), sort="Instance", links={"ins": ("exporter", "ins")}, w=12),
    graph("Scrape duration", "Compare with the scrape timeout, 10 s by default.", ("scrape_duration_seconds{@ins}", "{{job}} {{instance}}"), unit="s", steps=above((5, 8))),
    graph("Samples per target", "A jump: new tables or queries, or a label with too many values.", ("scrape_samples_scraped{@ins}", "{{job}} {{instance}}"), unit="short"),
    graph("Failed scrapes", "Scrapes per minute during which the monitored service was down.", (each("rate(NS_exporter_scrape_error_count{@ins}[R]) * 60"), "{{job}} {{instance}}"), unit="short"),
)
page.row(
    "Collectors",
    table("Collector failures by reason", "Failures in the selected range. explain shows which privilege or setting is missing.", ["collector", "datname", "reason"],
          Column("Failures", f"sum by (collector, datname, reason) ({each('increase(NS_exporter_collector_errors_total{@ins}[$__range])')}) > 0", decimals=0, steps=ANY_IS_BAD), sort="-Failures", none="No failures", w=12),
    table("Dropped samples", "Samples that were not exported, by reason: unreadable values, duplicates, caps.", ["collector", "reason"],
          Column("Samples", f"sum by (collector, reason) ({each('increase(NS_exporter_dropped_samples_total{@ins}[$__range])')}) > 0", decimals=0, steps=[("orange", None)]), sort="-Samples", none="No dropped samples", w=12),
    bars("Slowest collectors", "Duration of the last run. Close to the collector's timeout: raise its ttl, or check its query.", (f"topk(15, {each('NS_exporter_collector_duration_seconds{@ins}')})", "{{collector}} {{datname}}"), unit="s", steps=above((0.5, 1)), h=10),
    bars("Oldest cached results", "Age of the results shown.", (f"topk(15, {each('NS_exporter_collector_age_seconds{@ins}')})", "{{collector}} {{datname}}"), unit="s", steps=above((600, 1800)), h=10),
    bars("Collectors with most series", "Series by collector.", (f"topk(15, sum by (collector) ({each('NS_exporter_collector_series{@ins}')}))", "{{collector}}"), unit="short", h=10),
    graph("Queries per scrape", "Average queries that one scrape sends; all other results come from the cache.", ("sum(rate(pg_exporter_queries_total{@ins}[R])) / sum(rate(pg_exporter_scrapes_total{@ins}[R]))", "Queries per scrape"), unit="short"),
    graph("Collector duration (top 10)", "Duration of the last run.", (ranked(10, "max by (collector) (pg_exporter_collector_duration_seconds{@ins})", "max by (collector) (avg_over_time(pg_exporter_collector_duration_seconds{@ins}[$__range] @ end()))"), "{{collector}}"), unit="s"),
    graph("Rows aggregated into `other` (top 10)", "Rows summed into the series `other`, because only the busiest are exported individually.", (ranked(10, "sum by (collector, datname) (pg_exporter_collector_other_rows{@ins})", "sum by (collector, datname) (avg_over_time(pg_exporter_collector_other_rows{@ins}[$__range] @ end()))"), "{{collector}} {{datname}}"), unit="short", none="No collector has that many rows"),
)
page.row(
    "Exporter resources and rule evaluation",
    graph("Exporter CPU", "CPU cores used by the exporters.", ("rate(process_cpu_seconds_total{@ins}[R])", "{{job}} {{instance}}"), unit="short"),
    graph("Exporter memory", "Resident memory of the exporters.", ("process_resident_memory_bytes{@ins}", "{{job}} {{instance}}"), unit="bytes"),
    graph("Data received from monitored services", "Bytes of rows per second.", (each("rate(NS_exporter_received_bytes_total{@ins}[R])"), "{{job}} {{instance}}"), unit="Bps"),
    graph("Rule evaluation failures", "Failed evaluations per minute: the alerts of a failing group cannot fire.", ("sum by (rule_group) (rate(prometheus_rule_evaluation_failures_total[R])) * 60", "{{rule_group}}"), unit="short", steps=above((0.001, 1)), none="No Prometheus self-scrape", w=12),
    graph("Rule group duration (top 10)", "Duration of the last evaluation. Close to the group's interval: rules are evaluated late.", (ranked(10, "prometheus_rule_group_last_duration_seconds", "avg_over_time(prometheus_rule_group_last_duration_seconds[$__range] @ end())"), "{{rule_group}}"), unit="s", none="No Prometheus self-scrape", w=12),
)
