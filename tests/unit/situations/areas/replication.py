"""Situations of replication: standbys, walsenders, slots, timelines and subscriptions."""

from failover import patroni_labels
from labels import FOUR, OURS, PLAIN, PODS
from promtool import Area
from servers import LSN, Server, cluster, lone
from targets import Target
from values import Rise

AREA = Area("replication", "Replication")
THREE = (OURS, PLAIN, PODS)
TWO = (OURS, PLAIN)
NO_STREAM = "PostgresReplicaNotStreaming warning"
PRIMARY_DOWN = ("PostgresDown critical", "PostgresNoPrimary critical")
STALE = "PostgresReplicaStale warning"
MIB = 2**20


def situation(name, schemes=(OURS,)):
    """A situation whose rules are evaluated each 2 minutes."""
    return AREA.situation(name, schemes, every=2)


s = situation("cascade", FOUR)
_, relay = cluster(s, 1)
leaf = s.add(Server(3, standby=True).receive(relay.host))
relay.send(leaf.name, leaf.host, 203)
s.expect(5).expect(20)

s = situation("cascade through a server that is not scraped")
lone(s).send("relay", "{network}.2", 102)
s.add(Server(3, standby=True).receive("{network}.2"))
s.expect(20)

s = situation("two standbys behind a server that is not scraped", (PLAIN,))
lone(s).send("relay", "relay.example.com", 102)
s.add(*(Server(number, standby=True).receive("{network}.2") for number in (3, 4)))
s.expect(20)


def archive_only(situation, lag):
    """A standby that only follows the archive."""
    return situation.add(Server(3, standby=True).set("pg_standby_archive_only", 1).set("pg_lag", lag))


s = situation("archive-only standby", FOUR)
cluster(s, 1)
position = Rise(LSN.first - 32 * MIB, LSN.per_minute)
archive_only(s, 900).set("pg_lsn", position).set("pg_replay_lsn", position)
s.expect(20)

s = situation("archive-only standby is far behind")
cluster(s, 1)
archive_only(s, {0: 900, 10: 4000}).set("pg_lsn", {0: LSN, 10: 0})
s.expect(9).expect(25, STALE)

s = situation("lone server with an archive-only standby", TWO)
lone(s)
archive_only(s, 900)
s.expect(25)


def subscription(situation):
    """A publisher, and a subscriber with a standby of its own; returns the subscriber."""
    publisher = lone(situation, cluster="pg-pub", system="70{site}2")
    publisher.send("sub", "{network}.2", 300, user="sub").slot("sub", logical=True, pid=300)
    subscriber, standby = cluster(situation, 1, first=2, cluster="pg-sub", system="70{site}3")
    for server, worker in ((subscriber, 1), (standby, 0)):
        for metric, value in (("enabled", 1), ("has_worker", worker), ("apply_error_count", 0), ("sync_error_count", 0)):
            server.set(f"pg_sub_{metric}", value, datname="app", subname="s")
    return subscriber


s = situation("standby of a subscriber")
subscription(s)
s.expect(20)

s = situation("subscriber without a worker, beside its standby")
subscription(s).set("pg_sub_has_worker", {0: 1, 10: 0}, datname="app", subname="s")
s.expect(9).expect(20, "PostgresSubscriptionDown warning")


s = situation("pg_receivewal, pg_basebackup and a subscriber beside a standby", FOUR)
primary, _ = cluster(s, 1)
primary.send("pg_receivewal", "10.9.0.1", 501, replays=False)
primary.send("pg_basebackup", "10.9.0.2", 502, state=3, replays=False)
primary.send("barman_receive_wal", "10.9.0.3", 503, replays=False)
primary.send("app", "10.9.0.4", 504, user="app").slot("app", logical=True, pid=504)
primary.set("pg_downstream_count", 4, state="streaming").set("pg_downstream_count", 1, state="backup")
s.expect(10).expect(20)

s = situation("row of a subscription that cannot be applied")
server = subscription(s)
server.set("pg_sub_apply_error_count", {0: 0, 10: Rise(1, 1)}, datname="app", subname="s")
s.expect(9).expect(20, "PostgresSubscriptionErrors warning")

s = situation("queries of a standby cancelled by recovery", TWO)
cluster(s, 1)[1].set("pg_db_conflicts", {0: 0, 10: 30}, datname="app")
s.expect(9).expect(15, "PostgresRecoveryConflicts info").expect(30)

s = situation("a standby does not stream, and pg_receivewal does")
primary, _, standby = cluster(s, 2)
primary.send("pg_receivewal", "10.9.0.1", 501, replays=False).disconnect(standby)
standby.stop_receiving().set("pg_lag", {0: 0, 10: Rise(10, 60)})
s.expect(9).expect(25, NO_STREAM)

s = situation("a standby does not stream", (PLAIN, PODS))
primary, _, standby = cluster(s, 2)
primary.disconnect(standby)
standby.stop_receiving()
s.expect(9).expect(25, NO_STREAM)

s = situation("last standby lost, pg_receivewal and a subscriber stay", TWO)
primary = lone(s).send("pg_receivewal", "10.9.0.1", 501, replays=False).send("x", "{network}.9", 102, end=150)
primary.send("app", "10.9.0.4", 504, user="app").slot("app", logical=True, pid=504)
s.expect(140).expect(190, "PostgresLastStandbyLost critical")

s = situation("only standby does not stream")
primary, standby = cluster(s, 1)
primary.disconnect(standby)
standby.stop_receiving()
s.expect(9).expect(20, NO_STREAM).expect(40, NO_STREAM, "PostgresLastStandbyLost critical")

s = situation("lone server feeds a clone for 10 minutes")
lone(s).send("clone", "{network}.9", 109, 200, 210)
s.expect(205).expect(240)

s = situation("standby that is not scraped is lost")
cluster(s, 1)[0].send("dc2", "10.9.0.9", 109, end=20)
s.expect(15).expect(30, "PostgresStandbyMissing warning")


def synchronous(situation, required, names, *states):
    """A cluster of three whose standbys are synchronous: `states` of their walsenders."""
    primary, *standbys = servers = cluster(situation, 2)
    primary.drop("pg_sync_standby_enabled").set("pg_sync_standby_enabled", 1, names=names)
    primary.set("pg_sync_standby_required", required)
    for standby, state in zip(standbys, states):
        primary.sender(standby, "sync_state", state)
    return servers


s = situation("ANY 2 with one receiver", FOUR)
primary, _, standby = synchronous(s, 2, "ANY 2 (a, b, c)", 3, 3)
primary.disconnect(standby)
standby.stop_receiving()
missing = "PostgresSyncStandbyMissing critical"
s.expect(9).expect(13, missing).expect(25, missing, NO_STREAM)

s = situation("ANY 1 with two receivers")
synchronous(s, 1, "ANY 1 (a, b)", 3, 3)
s.expect(20)

s = situation("FIRST 1 with a synchronous and a potential standby")
synchronous(s, 1, "FIRST 1 (a, b)", 2, 1)
s.expect(20)

s = situation("synchronous standby named, but synchronous_commit is local")
synchronous(s, 0, "FIRST 1 (nobody)")
s.expect(20)

s = situation("standby with synchronous_standby_names of its own")
synchronous(s, 1, "s2", 2)[1].set("pg_sync_standby_enabled", 1, names="s2").set("pg_sync_standby_required", 1)
s.expect(20)

s = situation("primary down", FOUR)
primary, *standbys = cluster(s, 2)
primary.stop()
for standby in standbys:
    standby.stop_receiving().set("pg_lag", {0: 0, 10: Rise(10, 60)})
s.expect(9).expect(13, *PRIMARY_DOWN).expect(40, *PRIMARY_DOWN)

s = situation("primary down, with an archive-only standby")
primary, standby = cluster(s, 1)
primary.stop()
standby.stop_receiving()
archive_only(s, 200)
s.expect(9).expect(13, *PRIMARY_DOWN).expect(30, *PRIMARY_DOWN)


def disaster_recovery(situation, first=1):
    """A site that follows a primary elsewhere: a standby, and another one behind it."""
    leader, follower = (Server(number, standby=True, cluster="pg-dr") for number in (first, first + 1))
    leader.receive("10.9.0.1").send(follower.name, follower.host, follower.pid)
    situation.add(leader, follower.receive(leader.host))
    return leader, follower


s = situation("DR site without Patroni", FOUR)
disaster_recovery(s)
s.expect(2).expect(20)

s = situation("DR site is cut off")
disaster_recovery(s)[0].stop_receiving()
s.expect(9).expect(20, NO_STREAM).expect(40, NO_STREAM)

s = situation("main site and DR site, scraped together")
primary, _ = cluster(s, 1)
leader, _ = disaster_recovery(s, first=11)
primary.send("dr", leader.host, 300)
s.expect(20)

s = situation("DR site that follows the archive")
leader, _ = disaster_recovery(s)
leader.drop("pg_recv_state").set("pg_standby_archive_only", 1).set("pg_lag", 700)
s.expect(5).expect(30)

s = situation("Patroni's standby cluster whose leader does not stream yet", THREE)
leader, _ = disaster_recovery(s)
leader.drop("pg_recv_state")
patroni = s.add(Target("patroni", 1, cluster="pg-dr")).drop("up")
for role, value in (("standby_leader", 1), ("primary", 0)):
    patroni.set(f"patroni_{role}", value, **patroni_labels(1, "pg-dr"))
s.expect(2)

s = situation("walsenders near their limit")
primary, *_ = cluster(s, 2)
primary.set("pg_downstream_count", {0: 2, 10: 8}, state="streaming").set("pg_downstream_count", 1, state="backup")
s.expect(9).expect(20, "PostgresWalSendersHigh warning")

s = situation("timelines during a promotion")
for server, minute in zip(cluster(s, 2), (10, 11, 15)):
    server.set("pg_timeline_id", {0: 3, minute: 4})
s.expect(11).expect(14).expect(30)

s = situation("standby stays on the old timeline", TWO)
primary, standby, old = cluster(s, 2)
for server in (primary, standby):
    server.set("pg_timeline_id", {0: 3, 10: 4})
primary.disconnect(old)
old.stop_receiving()
s.expect(9).expect(30, NO_STREAM, "PostgresTimelineDiverged warning")

s = situation("archive-only standby follows a new timeline later")
for server in cluster(s, 1):
    server.set("pg_timeline_id", {0: 3, 10: 4})
archive_only(s, 200)
s.expect(30)
