"""The monitoring of the monitoring: what is blind, slow, failing."""

from page import Page, alerts_firing
from panels import Column, UP, bars, graph, names, stat, table, texts
from thresholds import ANY_IS_BAD, EXPORTER_AGE, above

ALL = ("pg", "pgbouncer", "pgbackrest")


def each(pattern, joined=" or "):
    """The same of all three exporters."""
    return joined.join(pattern.replace("NS", one) for one in ALL)


page = Page("pg-exporter", "PostgreSQL exporters", "Whether the exporters answer, what their collectors cost, which fail and why.", scope="instance", of="up", tags=["pg-exporter"])

page.row(
    None,
    stat("Targets down", "Targets of this server that Prometheus cannot scrape.", ("count(up{@ins} == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD),
    stat("Server answers", "Whether PostgreSQL, PgBouncer and pgBackRest answered in the last scrape.", ("pg_up{@ins}", "PostgreSQL"), ("pgbouncer_up{@ins}", "PgBouncer"), ("min(pgbackrest_up{@ins})", "pgBackRest"), unit="none", maps=UP, w=8),
    names("Why not", "The reason while a server does not answer.", each("NS_up_reason{@ins}"), "reason", none="it answers", usual="it answers"),
    stat("Collectors that fail", "Collectors whose last run failed. The table below names them.", (f"count({each('NS_exporter_collector_success{@ins} == 0')}) or vector(0)", ""), unit="short", steps=ANY_IS_BAD),
    alerts_firing("@ins"),
    stat("Since the last scrape", "Time since the exporter was asked. Long: Prometheus does not reach it.", (f"max(time() - ({each('NS_exporter_last_scrape_time{@ins}')}))", ""), unit="s", steps=above(EXPORTER_AGE)),
    stat("Collector files", "Whether the last reload of collector files succeeded. If not, the old ones are still in use.", (f"min({each('NS_exporter_config_last_reload_successful{@ins}')})", ""), unit="none", maps=texts(_0="red:faulty", _1="green:loaded")),
    stat("Connections", "Connections that the exporter holds, and how many it may.", ("pg_exporter_connections{@ins}", "open"), ("pg_exporter_connections_budget{@ins}", "budget"), unit="short"),
    stat("Cost on the server", "Sessions that the exporter's queries keep busy, on average.", ("rate(pg_exporter_query_seconds_total{@ins}[R])", ""), unit="percentunit", steps=above((0.1, 0.5))),
    stat("Age of what pgBackRest told", "Time since the last good run of pgbackrest info.", ("max(pgbackrest_collect_age_seconds{@ins})", ""), unit="s", steps=above((600, 1800)), none="no pgbackrest-exporter"),
    stat("Series", "Samples of the last scrape of all targets of this server.", ("sum(scrape_samples_scraped{@ins})", ""), unit="short"),
)
page.row(
    "Targets",
    table("Targets", "Each endpoint of this server.", ["job", "instance"],
          Column("up", "max by (job, instance) (up{@ins})", maps=UP),
          Column("scrape takes", "max by (job, instance) (scrape_duration_seconds{@ins})", "s"),
          Column("samples", "max by (job, instance) (scrape_samples_scraped{@ins})", decimals=0), sort="job", w=12),
    table("Builds", "Versions of the exporters: are all members alike?", ["ins", "version"], Column("exporters", f"count by (ins, version) ({each('NS_exporter_build_info{@cls}')})", decimals=0), sort="ins", links={"ins": ("pg-exporter", "ins")}, w=12),
    graph("Scrape duration", "What Prometheus measures, to be held against the scrape's limit of ten seconds.", ("scrape_duration_seconds{@ins}", "{{job}} {{instance}}"), unit="s", steps=above((5, 8))),
    graph("Samples", "Samples by target. A jump: new tables or statements, or a label with too many values.", ("scrape_samples_scraped{@ins}", "{{job}} {{instance}}"), unit="short"),
    graph("Scrapes without an answer of the server", "Scrapes per minute during which the server was not up.", (each("rate(NS_exporter_scrape_error_count{@ins}[R]) * 60"), "{{job}} {{instance}}"), unit="short"),
)
page.row(
    "Collectors",
    table("Collectors that fail", "Failures by reason in the shown time range. explain tells what to grant or to change.", ["collector", "datname", "reason"],
          Column("failures", f"sum by (collector, datname, reason) ({each('increase(NS_exporter_collector_errors_total{@ins}[$__range])')}) > 0", decimals=0, steps=ANY_IS_BAD), sort="-failures", none="none failed", w=12),
    table("Samples left out", "Samples that were not shown, by reason: unreadable values, duplicates, caps.", ["collector", "reason"],
          Column("samples", f"sum by (collector, reason) ({each('increase(NS_exporter_dropped_samples_total{@ins}[$__range])')}) > 0", decimals=0, steps=[("orange", None)]), sort="-samples", none="none left out", w=12),
    bars("Slowest collectors", "Time of the last run. Near the collector's time limit: a longer time to live, or look at its query.", (f"topk(15, {each('NS_exporter_collector_duration_seconds{@ins}')})", "{{collector}} {{datname}}"), unit="s", steps=above((0.5, 1)), h=10),
    bars("Oldest results", "Age of what is shown.", (f"topk(15, {each('NS_exporter_collector_age_seconds{@ins}')})", "{{collector}} {{datname}}"), unit="s", steps=above((600, 1800)), h=10),
    bars("Most series", "Series by collector.", (f"topk(15, sum by (collector) ({each('NS_exporter_collector_series{@ins}')}))", "{{collector}}"), unit="short", h=10),
    graph("Queries by scrape", "Queries that one scrape sends on average; the rest is answered from kept results.", ("sum(rate(pg_exporter_queries_total{@ins}[R])) / sum(rate(pg_exporter_scrapes_total{@ins}[R]))", "queries by scrape"), unit="short"),
    graph("Time of collectors, top 10", "Time of the last run over time.", ("topk(10, max by (collector) (pg_exporter_collector_duration_seconds{@ins}))", "{{collector}}"), unit="s"),
    graph("Rows left to other, top 10", "Rows that were summed into the series other, since only the busiest are shown one by one.", ("topk(10, sum by (collector, datname) (pg_exporter_collector_other_rows{@ins}))", "{{collector}} {{datname}}"), unit="short", none="no collector has that many rows"),
)
page.row(
    "Footprint and rules",
    graph("CPU", "Cores that the exporters use.", ("rate(process_cpu_seconds_total{@ins}[R])", "{{job}} {{instance}}"), unit="percentunit"),
    graph("Memory", "Resident memory of the exporters.", ("process_resident_memory_bytes{@ins}", "{{job}} {{instance}}"), unit="bytes"),
    graph("Received from the server", "Bytes of rows per second.", (each("rate(NS_exporter_received_bytes_total{@ins}[R])"), "{{job}} {{instance}}"), unit="Bps"),
    graph("Rule failures", "Evaluations of rules per minute that failed: alerts are then blind.", ("sum by (rule_group) (rate(prometheus_rule_evaluation_failures_total[R])) * 60", "{{rule_group}}"), unit="short", steps=above((0.001, 1)), none="Prometheus does not scrape itself", w=12),
    graph("Time of rule groups, top 10", "Time of the last evaluation. Near the group's interval: rules are evaluated late.", ("topk(10, prometheus_rule_group_last_duration_seconds)", "{{rule_group}}"), unit="s", none="Prometheus does not scrape itself", w=12),
)
