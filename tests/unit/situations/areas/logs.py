"""Situations of Vector, which reads the logs."""

from backgrounds import exporter
from hosts import Vector
from labels import FOUR, OURS, PLAIN
from promtool import Area
from servers import Server
from values import Rise

AREA = Area("logs", "Vector")
READS = Rise(0, 20)
STOPS = {0: Rise(0, 20), 21: 400}
GROWS = Rise(1e6, 2000)


def situation(name, schemes=(OURS,), every=5, step=1):
    """A situation whose rules are evaluated each 5 minutes."""
    return AREA.situation(name, schemes, every, step)


def server(number, size):
    """A server whose log has this size."""
    return exporter(Server(number)).set("pg_size_bytes", size, datname="log")


s = situation("Vector reads nothing while PostgreSQL logs", FOUR)
s.add(Vector(1, STOPS), server(1, GROWS))
s.expect(60).expect(140, "VectorSilent warning")

s = situation("idle night")
s.add(Vector(1, STOPS), server(1, {0: GROWS, 21: 1.04e6}))
s.expect(140)

s = situation("idle night in which a log file is removed")
s.add(Vector(1, STOPS), server(1, {0: GROWS, 21: 1.04e6, 71: 0.5e6}))
s.expect(100).expect(140)

s = situation("busy server whose log is read", (PLAIN,))
s.add(Vector(1, READS), server(1, GROWS))
s.expect(140)

s = situation("Vector restarted")
s.add(Vector(1, {0: READS, 61: READS}).set("up", {0: 1, 61: 0, 62: 1}), server(1, GROWS))
s.expect(60).expect(65).expect(140)

s = situation("Vector down")
vector = Vector(1, READS).drop("vector_comp", "vector_buffer")
s.add(vector.unreachable(), server(1, GROWS))
s.expect(140, "ExporterDown warning")

s = situation("store of the logs down")
vector = Vector(1, READS).set("vector_buffer_size_bytes", {0: Rise(1000, 10000), 99: 980_000}, component_id="loki")
own = dict(component_kind="sink", component_id="loki", component_type="loki", intentional="false")
vector.set("vector_component_discarded_events_total", {0: 0, 101: Rise(1, 60)}, **own)
s.add(vector, server(1, GROWS))
s.expect(50).expect(140, "VectorBufferFilling warning", "VectorDiscardsEvents warning")

s = situation("log of another server grows", (PLAIN,))
s.add(Vector(1, STOPS), server(1, 1e6), server(2, GROWS))
s.expect(140)

s = situation("Vector that reads nothing for a day, where the size of the log is not known", every=30, step=5)
vector = Vector(1, 5).drop("vector_uptime", "vector_buffer")
s.add(vector)
s.expect(1380).expect(1620, "VectorSilent warning")

s = situation("log file that Vector cannot read", (OURS, PLAIN))
own = dict(component_kind="source", component_id="postgres_csv", component_type="file", error_type="reader_failed")
s.add(Vector(1, READS).set("vector_component_errors_total", Rise(0, 120), **own), server(1, GROWS))
s.expect(30, "VectorErrors warning")
