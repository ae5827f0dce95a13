"""Situations that the server log tells: errors, crashes, latency and plans."""

from backgrounds import APP, sessions
from labels import FOUR, OURS, PLAIN
from promtool import Area
from servers import lone
from values import Rise

AREA = Area("statements", "Errors, crashes, latency and plans in the server log")
TWO = (PLAIN, OURS)
QUERY = dict(datname="app", query="7")
INDEX = dict(QUERY, plan="4ed7c7f80e0e045e", shape="Index Scan orders using orders_pkey")
SEQ = dict(QUERY, plan="ab1f3c7f80e0e045", shape="Seq Scan orders")
situation = AREA.situation


def latency(server, slow):
    """A thousand statements a minute, of which so many exceed 0.1 s."""
    server.set("pg_statement_duration_seconds_bucket", Rise(0, 1000 - slow), le="0.1", **APP)
    server.set("pg_statement_duration_seconds_bucket", Rise(0, 1000), le="+Inf", **APP)
    return server.set("pg_statement_duration_seconds_count", Rise(0, 1000), **APP)


def flip(server, seconds):
    """A statement, 60 times a minute, whose index is gone after 90 minutes; then so many seconds a minute."""
    server.set("pg_plan_calls_total", {0: Rise(0, 60), 91: 5460}, **INDEX).set("pg_plan_seconds_total", {0: Rise(0, 2), 91: 182}, **INDEX)
    server.set("pg_plan_calls_total", {0: 0, 91: Rise(60, 60)}, **SEQ).set("pg_plan_seconds_total", {0: 0, 91: Rise(seconds, seconds)}, **SEQ)
    return server.set("pg_plan_changes_total", {0: 0, 91: 1}, **QUERY)


s = situation("release whose inserts violate a constraint 10 times a second", FOUR)
lone(s, sessions).set("pg_log_error_total", {0: 0, 11: Rise(600, 600), 31: 12600}, severity="ERROR", **{"class": "23"}, code="23505", **APP)
s.expect(10).expect(25, "PostgresErrorBurst warning").expect(45)

s = situation("some errors a minute")
lone(s, sessions).set("pg_log_error_total", Rise(0, 20), severity="ERROR", **{"class": "23"}, code="23505", **APP)
s.expect(30)

s = situation("passwords are tried", TWO)
lone(s, sessions).set("pg_log_auth_failure_total", {0: 0, 6: Rise(10, 10), 16: 110}, user="postgres", **APP)
s.expect(5).expect(15, "PostgresAuthenticationFailures warning").expect(35)

s = situation("server process crashes and the server recovers", TWO)
server = lone(s, sessions).set("pg_log_crash_total", {0: 0, 11: 1})
server.set("pg_log_killed_total", {0: 0, 11: 1}, process="server process", signal="11")
s.expect(10).expect(15, "PostgresCrashed critical").expect(30)

s = situation("kernel kills a server process for its memory", TWO)
server = lone(s, sessions).set("pg_log_crash_total", {0: 0, 11: 1})
server.set("pg_log_killed_total", {0: 0, 11: 1}, process="server process", signal="9")
s.expect(10).expect(15, "PostgresCrashed critical", "PostgresOutOfMemory warning").expect(30)

s = situation("index is dropped, and a statement reads the table", TWO)
flip(lone(s, sessions), 20)
s.expect(89).expect(105, "PostgresPlanSlower warning").expect(150)

s = situation("another plan that is as fast")
flip(lone(s, sessions), 2)
s.expect(105)

s = situation("a fifth of the statements is slow", TWO)
latency(lone(s, sessions), 200)
s.expect(70, "PostgresLatencyBurnsFast critical", "PostgresLatencyBurnsSlowly warning")

s = situation("8 % of the statements are slow")
latency(lone(s, sessions), 80)
s.expect(70, "PostgresLatencyBurnsSlowly warning")

s = situation("0.5 % of the statements are slow", TWO)
latency(lone(s, sessions), 5)
s.expect(70)
