"""Situations of exporters, certificates, rules and Prometheus."""

from backgrounds import exporter
from failover import UNTIL, Haproxy, etcd_cluster, patroni_cluster, services
from hosts import Exporter, Node
from labels import FOUR, OURS, PLAIN, PODS
from promtool import Area
from servers import Server
from targets import Other, Target
from values import GAP, Rise, changed, continued, steps

AREA = Area("exporter", "Exporters, certificates and Prometheus")
TWO = (OURS, PLAIN)
DAY = 86400
COLLECTOR = "pg_exporter_collector_success"
DROPPED = "pg_exporter_dropped_samples_total"


def situation(name, schemes=(OURS,), every=5, step=1):
    """A situation whose rules are evaluated each 5 minutes."""
    return AREA.situation(name, schemes, every, step)


s = situation("exporter down", FOUR)
s.add(Exporter("pgbouncer", 1).unreachable(), Exporter("pgbouncer", 2), Node(1))
s.expect(35, "ExporterDown warning")

s = situation("healthy exporters", TWO)
s.add(exporter(Server(1)), Exporter("pgbouncer", 1), Node(1), Exporter("vector", 1))
s.expect(35)

s = situation("exporter restarted", every=1)
pooler = s.add(Exporter("pgbouncer", 1)).set("up", {0: 1, 10: 0, 11: 1}).set("pgbouncer_up", {0: 1, 10: None, 11: 1})
pooler.set("pgbouncer_exporter_scrape_error_count", {0: 7, 10: None, 11: 0})
s.expect(10).expect(12).expect(25)

s = situation("collector failing in two databases")
server = s.add(exporter(Server(1))).drop(COLLECTOR)
for database in ("app", "shop"):
    server.set(COLLECTOR, UNTIL, datname=database, collector="pg_table")
s.expect(35, "ExporterCollectorFailing warning")

s = situation("PostgreSQL that comes and goes", (PLAIN,), every=1)
up = steps(0, 40, 2, 1, 0) | steps(1, 40, 2, 0, 0)
s.add(exporter(Server(1))).set("pg_up", up).set("pg_exporter_scrape_error_count", Rise(0, 0.5))
s.expect(35, "ExporterScrapeErrors warning")

s = situation("scrapes that take long")
s.add(exporter(Server(1))).set("scrape_duration_seconds", 9)
s.add(Target("patroni", 1)).drop("up").set("scrape_duration_seconds", 9)
s.expect(35, "ExporterScrapeSlow warning")

s = situation("reload of the configuration failed", (OURS, PODS))
s.add(exporter(Server(1))).set("pg_exporter_config_last_reload_successful", UNTIL)
s.expect(35, "ExporterReloadFailed warning")

s = situation("samples dropped at the limit")
s.add(exporter(Server(1))).set(DROPPED, {0: 0, 10: Rise(1, 5)}, collector="pg_table", reason="cap")
s.expect(80, "ExporterSamplesDropped warning")

SOON, NOW = "TlsCertificateExpiring warning", "TlsCertificateExpiring critical"
for days, alerts in ((60, ()), (20, (SOON,)), (5, (SOON, NOW))):
    s = situation(f"certificate of the server with {days} days left", every=10)
    server = s.add(exporter(Server(1)))
    for certificate, left in (("server", days), ("web", 90)):
        metric = "pg_exporter_certificate_expiry_timestamp_seconds"
        server.set(metric, left * DAY, certificate=certificate)
    s.expect(80, *alerts)

s = situation("certificate of a probed address with 5 days left", every=10)
probe = s.add(Other(None, 0, labels=dict(job="https", instance="https://db.example.com"))).set("probe_success", 1)
probe.set("probe_ssl_earliest_cert_expiry", 5 * DAY)
s.expect(80, SOON, NOW)

s = situation("rules that fail")
prometheus = s.add(Other(None, 0, labels=dict(job="prometheus", instance="127.0.0.1:9090"))).drop("up")
for group, failures in (("a;node", {0: 0, 10: Rise(1, 1)}), ("a;etcd", 0)):
    prometheus.set("prometheus_rule_evaluation_failures_total", failures, rule_group=group)
s.expect(35, "RuleEvaluationFailing warning")

s = situation("Prometheus restarted after ten minutes", (OURS, PLAIN, PODS), every=1)
patroni_cluster(s)
etcd_cluster(s)
s.add(exporter(Server(1)), Exporter("pgbouncer", 1), Node(1), Haproxy(1, services(["UP", "DOWN"], ["DOWN", "UP"])))
for target in s.targets:
    for key, value in target.series.items():
        target.series[key] = changed(value, 21, GAP) | {31: continued(value, 31)}
for minute in (18, 25, 32, 34, 50):
    s.expect(minute)

s = situation("duplicates dropped every day", every=30, step=5)
s.add(exporter(Server(1))).set(DROPPED, Rise(0, 3), collector="pg_stat", reason="duplicate")
s.expect(1620)

s = situation("duplicates that are new", every=15, step=5)
s.add(exporter(Server(1))).set(DROPPED, {0: 0, 1505: Rise(15, 3)}, collector="pg_stat", reason="duplicate")
s.expect(1485).expect(1620, "ExporterSamplesDropped warning")
