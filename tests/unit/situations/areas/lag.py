"""Situations of standbys that lag, that are new, or whose replay is paused."""

from failover import patroni_labels
from labels import OURS, PLAIN, PODS
from promtool import Area
from servers import Server, cluster
from targets import Target
from values import Rise, turns

AREA = Area("lag", "Replication lag and new standbys")
THREE = (OURS, PLAIN, PODS)
LAG = "PostgresReplicationLagTime warning"
LAG_BYTES = "PostgresReplicationLagBytes warning"
STALE = "PostgresReplicaStale warning"


def situation(name, schemes=(OURS,)):
    """A situation whose rules are evaluated each 2 minutes."""
    return AREA.situation(name, schemes, every=2)


def delayed(situation):
    """A cluster whose second standby applies WAL an hour later."""
    primary, standby, late = cluster(situation, 2)
    late.set("pg_standby_min_apply_delay_seconds", 3600).set("pg_lag", 3605)
    primary.sender(late, "replay_diff", 9e9).sender(late, "flush_diff", 0).sender(late, "replay_lag", 3605)
    return primary, standby, late


s = situation("delayed replica", THREE)
delayed(s)
s.expect(20)

s = situation("another standby lags beside a delayed one")
primary, standby, _ = delayed(s)
standby.set("pg_lag", {0: 0, 10: 400})
primary.feed(standby, behind={0: 0, 10: 1e9}, lag={0: 0, 10: 400})
s.expect(9).expect(25, LAG_BYTES, LAG, "PostgresReplicationLagTime critical", STALE)

s = situation("delayed replica later than its delay")
delayed(s)[2].set("pg_lag", {0: 3605, 10: 4200})
s.expect(9).expect(25, STALE)

s = situation("lag of 40 s for four minutes of five", THREE)
primary, standby = cluster(s, 1)
primary.sender(standby, "replay_lag", {0: 0} | turns(10, 60, 5, (0, 40), (4, 0)))
s.expect(9)
for minute in (25, 34, 44):
    s.expect(minute, LAG)

s = situation("lag of 40 s that is absent every fifth minute")
primary, standby = cluster(s, 1)
primary.sender(standby, "replay_lag", {5: 40} | turns(9, 55, 5, (0, None), (1, 40)))
s.expect(20, LAG).expect(44, LAG)

s = situation("two short peaks of lag")
primary, standby = cluster(s, 1)
primary.sender(standby, "replay_lag", {0: 0, 10: 400, 12: 0, 30: 500, 31: 0})
for minute in (11, 13, 16, 31, 40):
    s.expect(minute)

s = situation("standby is being built by pg_basebackup", THREE)
primary, _ = cluster(s, 1)
new = s.add(Server(3, standby=True).without_server(10))
primary.send("pg_basebackup", new.host, 700, 10, state=3, replays=False)
s.expect(15).expect(30)

s = situation("new standby replays the archive before it streams")
cluster(s, 1)
new = s.add(Server(3, standby=True).start(10))
new.set("pg_replay_lsn", {10: Rise(9e8, 2e6)}).set("pg_lag", {10: 4000})
s.expect(20).expect(40)


def catching_up(situation, behind):
    """A new standby streams, and is not yet at the end."""
    primary, _ = cluster(situation, 1)
    new = situation.add(Server(3, standby=True).receive(primary.host).start(10))
    primary.send(new.name, new.host, new.pid, 10, state={10: 2}, behind={10: behind})


s = situation("new standby catches up by streaming")
catching_up(s, Rise(50e9, -1e9))
s.expect(20).expect(40)

s = situation("new standby falls further behind while it catches up")
catching_up(s, Rise(1e9, 1e8))
s.expect(30, LAG_BYTES)


def paused(situation):
    """A standby whose replay is paused."""
    primary, standby = cluster(situation, 1)
    growing = {0: 0, 10: Rise(60, 60)}
    standby.set("pg_is_wal_replay_paused", {0: 0, 10: 1}).set("pg_lag", growing)
    primary.sender(standby, "replay_diff", {0: 0, 10: Rise(1e8, 1e8)}).sender(standby, "replay_lag", growing)


s = situation("replay is paused during maintenance of Patroni", THREE)
paused(s)
s.add(Target("patroni", 2)).drop("up").set("patroni_is_paused", {0: 0, 9: 1}, **patroni_labels(2))
s.expect(20).expect(45)

s = situation("replay is paused and forgotten")
paused(s)
s.expect(20).expect(35, "PostgresReplayPaused warning")
