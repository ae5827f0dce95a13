"""Situations of PgBouncer."""

from labels import FOUR, OURS, PLAIN, PODS
from poolers import Pooler, pair
from promtool import Area
from values import Rise

AREA = Area("pooler", "PgBouncer")
TWO = (PLAIN, OURS)
situation = AREA.situation

s = situation("one pool of two PgBouncers is full", FOUR)
pooler, _ = pair(s)
pooler.pool("app", active_servers=20, idle_servers=0)
s.expect(4).expect(10, "PgbouncerPoolSaturated warning")

s = situation("pool full of idle servers", TWO)
pooler, _ = pair(s)
pooler.pool("app", active_servers=1, idle_servers=19)
s.expect(10)

s = situation("two users fill half of a database each")
pooler, _ = pair(s)
pooler.pool("app", active_servers=10).pool("web", active_servers=10)
s.expect(10)

s = situation("user with a pool size of its own")
pooler, _ = pair(s)
pooler.set("pgbouncer_user_pool_size", 5, user="web").pool("web", active_servers=5)
s.expect(10, "PgbouncerPoolSaturated warning")

s = situation("user with a larger pool than its database")
pooler, _ = pair(s)
pooler.set("pgbouncer_user_pool_size", 50, user="web").pool("web", active_servers=20)
s.expect(10)

s = situation("session mode, as many clients as servers")
pooler, _ = pair(s)
pooler.pool("batch", mode="session", active_servers=20, maxwait_seconds=0)
s.expect(10)

s = situation("one exporter of three PgBouncers, one pool full", TWO)
poolers = [Pooler(1, target=f"pooler-{number}") for number in (1, 2, 3)]
s.add(*poolers)
poolers[1].pool("app", active_servers=20)
s.expect(10, "PgbouncerPoolSaturated warning")

s = situation("burst of 30 seconds")
pooler, _ = pair(s)
pooler.pool("app", maxwait_seconds={0: 0, 6: 12, 7: 0}, active_servers={0: 3, 6: 20, 7: 3})
s.expect(6).expect(8)

s = situation("clients wait for a full pool", TWO)
pooler, _ = pair(s)
pooler.pool("app", maxwait_seconds={0: 0, 6: Rise(30, 60)}, active_servers={0: 3, 6: 20}, waiting_clients={0: 0, 6: 40})
waiting = ("PgbouncerClientsWaiting warning", "PgbouncerClientsWaiting critical")
s.expect(9, *waiting).expect(15, *waiting, "PgbouncerPoolSaturated warning")

s = situation("paused as a whole for a minute of a switchover", TWO)
for pooler in pair(s):
    pooler.set("pgbouncer_state_paused", {0: 0, 6: 1, 8: 0}).pool("app", maxwait_seconds={0: 0, 6: 20, 7: 55, 8: 0})
s.expect(6).expect(8).expect(16)

s = situation("paused as a whole and forgotten, clients wait", FOUR)
pooler, _ = pair(s)
pooler.set("pgbouncer_state_paused", {0: 0, 6: 1})
for user in ("app", "web"):
    pooler.pool(user, maxwait_seconds={0: 0, 6: Rise(20, 60)})
s.expect(9).expect(12, "PgbouncerPaused critical").expect(18, "PgbouncerPaused critical", "PgbouncerPaused warning")

s = situation("paused as a whole, no client wants anything")
pooler, _ = pair(s)
pooler.set("pgbouncer_state_paused", {0: 0, 6: 1})
s.expect(9).expect(18, "PgbouncerPaused warning")

s = situation("one database paused, clients wait")
pooler, _ = pair(s)
pooler.database("paused", {0: 0, 6: 1}).pool("app", maxwait_seconds={0: 0, 6: Rise(20, 60)})
s.expect(12, "PgbouncerPaused critical").expect(18, "PgbouncerPaused critical", "PgbouncerPaused warning")

s = situation("one database disabled")
pooler, _ = pair(s)
pooler.database("disabled", {0: 0, 6: 1})
s.expect(18, "PgbouncerPaused warning")

s = situation("paused twice, as a whole and each database")
pooler, _ = pair(s)
pooler.set("pgbouncer_state_paused", 1).database("paused", 1)
s.expect(15, "PgbouncerPaused warning")

s = situation("900 of 1000 clients", (PLAIN, OURS, PODS))
pooler, _ = pair(s)
pooler.set("pgbouncer_list_items", 900, list="used_clients")
s.expect(4).expect(10, "PgbouncerClientLimit warning")

s = situation("PgBouncer restarts for 30 seconds")
pooler, _ = pair(s)
pooler.set("pgbouncer_up", {0: 1, 6: 0, 7: 1})
s.expect(6).expect(8)

s = situation("PgBouncer 1.18, which has no SHOW STATE")
pooler, other = pair(s)
for each in (pooler, other):
    each.drop("pgbouncer_state_")
pooler.database("paused", 1)
s.expect(15, "PgbouncerPaused warning")

s = situation("one of two PgBouncers is down", FOUR)
pooler, _ = pair(s)
pooler.drop("pgbouncer_").set("pgbouncer_up", 0)
s.expect(5, "PgbouncerDown critical")
