"""Situations of identity: which servers are one, which belong together, and which are gone."""

from copy import deepcopy

from labels import FOUR, OURS, PIGSTY, PLAIN, PODS
from promtool import Area
from servers import Server, cluster, lone

AREA = Area("identity", "Identity of servers and clusters")
DOWN = "ExporterDown warning"
UNREACHABLE = "PostgresUnreachable critical"
ABSENT = "PostgresMetricsAbsent critical"
NO_PRIMARY = "PostgresNoPrimary critical"
SPLIT_BRAIN = "PostgresSplitBrain critical"
EU, US = dict(region="eu"), dict(region="us")
OTHER_SYSTEM = "70{site}9"
situation = AREA.situation

s = situation("healthy cluster", FOUR)
cluster(s, 2)
s.expect(2).expect(15)

s = situation("primary's host dead for 90 minutes", FOUR, every=2)
primary, *standbys = cluster(s, 2)
primary.unreachable()
for standby in standbys:
    standby.stop_receiving(11)
s.expect(14, DOWN, NO_PRIMARY).expect(20, DOWN, NO_PRIMARY, UNREACHABLE).expect(100, DOWN, NO_PRIMARY, UNREACHABLE)

s = situation("standby's host dead for 90 minutes", FOUR, every=5)
primary, _, dead = cluster(s, 2)
dead.unreachable()
primary.disconnect(dead, 11)
s.expect(25, DOWN, UNREACHABLE).expect(100, DOWN, UNREACHABLE)

s = situation("lone server's host dead for more than a day", (PLAIN,), every=8, step=4)
lone(s).unreachable(20)
lone(s, first=2, cluster="pg-other", system="70{site}2")
for minute in (40, 1432, 1600):
    s.expect(minute, DOWN, UNREACHABLE)

s = situation("target vanished from discovery", FOUR)
lone(s).vanish()
lone(s, first=2, cluster="pg-{site}", system="70{site}2")
s.expect(14).expect(20, ABSENT).expect(30, ABSENT)

s = situation("target vanished from discovery, until a day later", FOUR, every=8, step=4)
lone(s).vanish(20)
lone(s, first=2, cluster="pg-{site}", system="70{site}2")
s.expect(40, ABSENT).expect(1400, ABSENT).expect(1480)

s = situation("standby vanished from discovery", FOUR)
primary, _, gone = cluster(s, 2)
gone.vanish()
primary.disconnect(gone)
s.expect(20, ABSENT).expect(30, ABSENT)


def move(situation, number, name=None, minute=10):
    """The second standby goes, and another one comes at another address."""
    primary, _, old = cluster(situation, 2)
    old.vanish(minute)
    primary.disconnect(old, minute)
    new = Server(number, standby=True, name=name and old.name)
    situation.add(new.receive(primary.host).start(minute + 3))
    primary.send(new.name, new.host, new.pid, minute + 3)
    return new


s = situation("server moved to another host under its name, as a pod that is rescheduled", (PODS, OURS, PIGSTY))
move(s, 13, name="same")
s.expect(12).expect(16).expect(25).expect(30)

s = situation("pod or standby replaced by one of another name", (PODS, PLAIN))
move(s, 4)
s.expect(16).expect(25).expect(30)

s = situation("pod or standby replaced by one of another name, until a day later", (PODS, PLAIN), every=8, step=4)
move(s, 4, minute=20)
s.expect(40).expect(600).expect(1400).expect(1480)

s = situation("pod rescheduled, and PostgreSQL does not start there", (PODS,))
move(s, 13, name="same").without_server(13)
s.targets[0].end(0, "pg_repl_", pid="113")
s.expect(25, "PostgresDown critical")

s = situation("all targets get another label")
old, new = cluster(s, 2), cluster(s, 2, labels=EU)
for server in old:
    server.vanish()
for server in new:
    server.appear(10)
s.expect(16).expect(30).expect(50)

s = situation("two regions with the same names", FOUR)
cluster(s, 1, labels=EU)
for server in cluster(s, 1, labels=US, system=OTHER_SYSTEM):
    server.started(5000)
s.expect(5).expect(20)

s = situation("two regions with the same names, primary lost in one", FOUR)
primary, standby = cluster(s, 1, labels=EU)
primary.stop()
standby.stop_receiving()
for server in cluster(s, 1, labels=US, system=OTHER_SYSTEM):
    server.started(5000)
for minute in (13, 30):
    s.expect(minute, "PostgresDown critical", NO_PRIMARY)

s = situation("two regions with the same names and no label of their own, target vanished in one")
primary, _, gone = cluster(s, 2)
gone.vanish()
primary.disconnect(gone)
for server in cluster(s, 2, system=OTHER_SYSTEM):
    server.started(5000).labels = dict(ip=f"10.9.0.{server.number}", instance=f"10.9.0.{server.number}:9630")
s.expect(8).expect(25, ABSENT)


def second_exporter(situation, server):
    """Another exporter on the same server."""
    second = deepcopy(server)
    second.labels = dict(instance=f"{server.host}:9730")
    situation.add(second)


s = situation("two exporters on one primary", FOUR)
second_exporter(s, cluster(s, 1)[0])
s.expect(5).expect(20)

s = situation("two exporters on one primary, one of them away")
primary = cluster(s, 2)[0]
second_exporter(s, primary)
primary.unreachable()
s.expect(25, DOWN).expect(40, DOWN)

s = situation("blue-green: two clusters in one cls or namespace", (OURS, PIGSTY, PODS))
blue, _ = cluster(s, 1)
green, _ = cluster(s, 1, first=4, system="70{site}2")
blue.send("green", green.host, 400).slot("green", logical=True, pid=400)
s.expect(5).expect(20)

s = situation("restored clone promoted, in another cls where there is one", (OURS, PLAIN, PODS))
cluster(s, 2)
s.add(Server(9, cluster="pg-clone", timeline=4))
s.expect(15).expect(30)

s = situation("streaming clone promoted in another cls", every=5)
primary = cluster(s, 2)[0]
clone = s.add(Server(4, standby=True, cluster="pg-clone").receive(primary.host))
clone.promote(10, timeline=4)
primary.send("pg-clone", clone.host, 104, end=10)
s.expect(15, "PostgresRoleChanged warning").expect(50).expect(75)

# Without cls this holds for a day: until then a clone looks like a second primary.
s = situation("standby promoted while the primary is up: split brain", FOUR)
primary, _, standby = cluster(s, 2)
standby.promote(10, timeline=4)
primary.disconnect(standby)
s.expect(15, "PostgresRoleChanged warning", SPLIT_BRAIN).expect(40, SPLIT_BRAIN)

# Without cls it looks like a split brain: decided for the alert, for a day.
s = situation("streamed clone of a lone server promoted", (PLAIN,), every=2)
primary = lone(s).send("clone", "{network}.9", 109, end=200)
s.add(Server(9, standby=True).receive(primary.host)).promote(200, timeline=4)
s.expect(190).expect(230, SPLIT_BRAIN)

s = situation("primary's exporter away", FOUR)
cluster(s, 1)[0].unreachable()
s.expect(14, DOWN).expect(30, DOWN)

s = situation("primary's exporter hung")
cluster(s, 2)[0].unreachable().set("scrape_duration_seconds", {0: 0.1, 10: 10})
s.expect(14, DOWN).expect(19, DOWN)

s = situation("standby's exporter away", (OURS, PLAIN))
cluster(s, 2)[2].unreachable()
s.expect(30, DOWN)

s = situation("network between Prometheus and a site broken for 10 minutes")
for server in cluster(s, 2):
    server.unreachable(10, back=20)
s.expect(14, f"{DOWN} 3").expect(18, f"{DOWN} 3", f"{UNREACHABLE} 3").expect(26).expect(40)
