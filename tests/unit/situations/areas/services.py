"""Situations of services as clients use them."""

from backgrounds import exporter
from failover import SINCE, UNTIL
from labels import FOUR, OURS, PLAIN
from promtool import Area
from servers import Server

AREA = Area("services", "Services as clients use them")
TWO = (OURS, PLAIN)
HOPS = ("dns", "address", "listener", "balancer", "tls", "pooler", "login", "server", "query", "cluster", "role", "split", "lag", "canary")


def watched(s, up=1, seconds=0.005, **failed):
    """An exporter that probes one service; `failed` gives the values of hops that fail."""
    server = s.add(exporter(Server(1)))
    server.set("pg_service_up", up, service="rw")
    for hop in HOPS:
        server.set("pg_service_hop_failed", failed.get(hop, 0), service="rw", hop=hop)
    for step in ("resolve", "connect", "login", "query"):
        server.set("pg_service_step_seconds", seconds, service="rw", step=step)
    return server


def situation(name, schemes=(OURS,), every=1):
    """A situation whose rules are evaluated each minute."""
    return AREA.situation(name, schemes, every)


s = situation("service that answers as promised", FOUR)
watched(s)
s.expect(30)

s = situation("service during a switchover")
watched(s, up={0: 1, 10: 0, 11: 1}, balancer={0: 0, 10: 1, 11: 0})
s.expect(10).expect(11).expect(20)

s = situation("service without a healthy server behind its load balancer", TWO)
watched(s, up=UNTIL, balancer=SINCE)
s.expect(20, "ServiceUnreachable critical")

s = situation("service that leads to a standby", TWO)
watched(s, role=SINCE)
s.expect(20, "ServiceWrongRole critical")

s = situation("service that leads to another cluster")
watched(s, cluster=SINCE)
s.expect(20, "ServiceWrongRole critical")

s = situation("service whose address is on two hosts")
watched(s, split=SINCE)
s.expect(20, "ServiceSplit critical")

s = situation("service whose commits wait for a standby that is gone")
watched(s, canary=SINCE)
s.expect(20, "ServiceCanaryFailing critical")

s = situation("service that leads to a primary without the last commits")
watched(s).set("pg_service_canary_lost_total", {0: 0, 10: 1}, service="rw")
s.expect(9).expect(12, "ServiceWriteLost critical").expect(40)

s = situation("service behind a pooler that is slow")
watched(s, seconds={0: 0.005, 10: 0.4})
s.expect(12).expect(20, "ServiceSlow warning")
