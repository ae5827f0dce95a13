"""Situations of Patroni, etcd and HAProxy."""

from failover import LEADER, SINCE, UNTIL, Etcd, Haproxy, Patroni, etcd_cluster, patroni_cluster, services
from hosts import Node
from labels import FOUR, OURS, PIGSTY, PLAIN, PODS
from promtool import Area
from servers import Server
from values import Rise, steps

AREA = Area("ha", "Patroni, etcd and HAProxy")
TWO = (OURS, PLAIN)
THREE = (OURS, PLAIN, PIGSTY)
PATRONI_DOWN = "PatroniDown warning"
NO_LEADER = "PatroniNoLeader critical"
ETCD_DOWN = "EtcdMemberDown warning"
EU, US = dict(region="eu"), dict(region="us")


def situation(name, schemes=(OURS,), every=5):
    """A situation whose rules are evaluated each 5 minutes."""
    return AREA.situation(name, schemes, every)


s = situation("healthy cluster of Patroni and etcd", FOUR)
patroni_cluster(s)
for member in etcd_cluster(s):
    member.peers()
s.expect(30)

s = situation("replica being cloned", FOUR)
patroni_cluster(s)[2].show(postgres_running=0, postgres_streaming=0, postgres_state=4, replica=0)
s.expect(30)

s = situation("replica being cloned by Patroni 3, which has no state")
patroni_cluster(s)[2].show(postgres_running=0).drop("patroni_postgres_state", "patroni_postgres_streaming")
s.expect(30, "PatroniPostgresNotRunning warning")

s = situation("REST port of the leader firewalled", FOUR)
patroni_cluster(s)[0].unreachable()
s.add(Server(1))
s.expect(35, PATRONI_DOWN)

s = situation("two leaders", FOUR)
patroni_cluster(s)[1].show(primary=SINCE, replica=UNTIL, postgres_streaming=UNTIL)
s.expect(35, "PatroniTwoLeaders critical")

s = situation("two regions with equal names")
patroni_cluster(s, labels=EU)
patroni_cluster(s, labels=US)
s.expect(30)

s = situation("two regions with equal names, one without a leader")
patroni_cluster(s, labels=EU)
for member in patroni_cluster(s, labels=US):
    member.show(cluster_unlocked=1, primary=0, replica=1, postgres_streaming=1)
s.expect(30, NO_LEADER)

s = situation("two clusters of one name that no label tells apart", (PLAIN,))
patroni_cluster(s, standbys=1)
s.add(Patroni(11, member=1, **LEADER), Patroni(12, member=2), Server(1), Server(11, system="70{site}9"))
s.expect(30)

s = situation("standby cluster of the same name at another site")
patroni_cluster(s)
s.add(Patroni(11, standby_leader=1, replica=0), Patroni(12))
s.expect(30)

s = situation("no failover candidate")
_, second, third = patroni_cluster(s)
second.show(postgres_running=UNTIL, postgres_state={0: 5, 10: 14})
third.show(postgres_streaming=UNTIL)
s.expect(35, "PatroniNoFailoverCandidate warning", "PatroniPostgresNotRunning warning")

s = situation("replicas stream, and by their tags none may be promoted", FOUR)
patroni_cluster(s)
s.add(Server(1).set("patroni_cluster_candidates", {0: 2, 10: 0}, scope="{cluster}"))
s.expect(35, "PatroniNoFailoverCandidate warning")

s = situation("cluster of one member", (OURS, PODS))
s.add(Patroni(1, **LEADER))
s.expect(30)

s = situation("failover paused for a short maintenance, with restarts", every=1)
members = patroni_cluster(s)
for member in members:
    member.show(is_paused={0: 0, 10: 1, 41: 0})
members[0].show(postgres_running={0: 1, 15: 0, 16: 1})
members[2].show(postgres_running={0: 1, 20: 0, 22: 1})
s.expect(16).expect(22).expect(39)

s = situation("failover paused and forgotten", (PLAIN,))
for member in patroni_cluster(s):
    member.show(is_paused=SINCE)
s.expect(85, "PatroniPaused warning")

s = situation("failover paused and Patroni of the primary stopped")
leader, *replicas = patroni_cluster(s)
leader.unreachable()
for member in replicas:
    member.show(is_paused=1, cluster_unlocked=SINCE)
s.expect(35, PATRONI_DOWN, "PatroniClusterUnlocked warning")

s = situation("planned switchover", TWO, every=1)
old, new, other = patroni_cluster(s)
for member in (old, new, other):
    member.show(cluster_unlocked={0: 0, 10: 1, 11: 0})
old.show(primary=UNTIL, replica=SINCE, postgres_running={0: 1, 10: 0, 11: 1}, postgres_streaming={0: 0, 11: 1})
new.show(primary={0: 0, 11: 1}, replica={0: 1, 11: 0}, postgres_streaming=UNTIL)
up, down = {0: "UP", 10: "DOWN"}, {0: "DOWN", 11: "UP"}
s.add(Haproxy(1, services([up, down], [down, up])))
s.expect(10).expect(11).expect(12).expect(20)

s = situation("leader lost, and no replica can take over", THREE)
leader, *replicas = patroni_cluster(s)
leader.unreachable()
for member in replicas:
    member.show(cluster_unlocked=SINCE, postgres_streaming=UNTIL)
s.expect(35, PATRONI_DOWN, NO_LEADER)

s = situation("cluster restored from a backup")
s.add(Patroni(1, replica=0, postgres_running=0, postgres_streaming=0, postgres_state=2, cluster_unlocked=1))
s.expect(30)

s = situation("DCS lost in failsafe mode")
for member in patroni_cluster(s):
    member.show(failsafe_mode_is_active=SINCE, cluster_unlocked=SINCE, dcs_last_seen={0: Rise(-5, 60), 10: 540})
s.expect(35, "PatroniFailsafeActive critical", "PatroniDcsStale warning 3", "PatroniDcsStale critical 3")

s = situation("PostgreSQL of the leader does not start")
patroni_cluster(s)[0].show(postgres_running=UNTIL, postgres_state={0: 5, 10: 8})
s.expect(35, "PatroniPostgresNotRunning critical")

s = situation("etcd with one of three members down", (OURS, PLAIN, PODS))
etcd_cluster(s)[2].unreachable()
s.expect(35, ETCD_DOWN)

s = situation("etcd elects another leader", every=1)
for member in etcd_cluster(s):
    member.set("etcd_server_has_leader", {0: 1, 10: 0, 11: 1})
    member.set("etcd_server_leader_changes_seen_total", {0: 2, 10: 3})
s.expect(10).expect(11).expect(25)

s = situation("etcd without quorum", TWO)
left, *others = etcd_cluster(s)
left.set("etcd_server_has_leader", UNTIL)
for member in others:
    member.unreachable()
s.expect(35, "EtcdQuorumLost critical", f"{ETCD_DOWN} 2")

s = situation("etcd members that only cannot be scraped")
for member in etcd_cluster(s)[1:]:
    member.unreachable()
s.expect(35, f"{ETCD_DOWN} 2")

s = situation("etcd without a leader")
for member in etcd_cluster(s):
    member.set("etcd_server_has_leader", UNTIL)
s.expect(35, "EtcdNoLeader critical")

s = situation("etcd member cut off from the others", (PLAIN,))
etcd_cluster(s)[0].set("etcd_server_has_leader", UNTIL)
s.expect(35, "EtcdNoLeader warning")

s = situation("etcd of one member without a leader", (PLAIN,))
s.add(Etcd(1)).set("etcd_server_has_leader", UNTIL)
s.expect(35, "EtcdNoLeader critical")

s = situation("etcd near its quota")
for member in etcd_cluster(s):
    member.size(2_090_000_000, 2_000_000_000)
s.expect(35, "EtcdQuotaHigh warning", "EtcdQuotaHigh critical")

s = situation("etcd member behind a slow network")
first, *others = etcd_cluster(s)
first.peers(slow=(2, 3))
for member in others:
    member.peers()
s.expect(35, "EtcdPeerLatencyHigh warning")

s = situation("etcd shared by two clusters, one member down")
patroni_cluster(s)
patroni_cluster(s, first=4, standbys=1, scope="pg-two")
etcd_cluster(s)[2].unreachable()
s.expect(35, ETCD_DOWN)

HEALTHY = services(["UP", "DOWN"], ["DOWN", "UP"])
FAILS = {0: "UP", 10: "DOWN"}

s = situation("HAProxy reloaded", every=1)
haproxy = s.add(Haproxy(1, HEALTHY)).set("up", {0: 1, 10: 0, 11: 1})
for key in haproxy.select("haproxy_server_check_up_down_total"):
    haproxy.series[key] = {0: 3, 10: 0}
s.expect(10).expect(11).expect(20)

s = situation("replica service of a site with one server", THREE)
s.add(Haproxy(1, services(["UP"], ["DOWN"])))
s.expect(30)

s = situation("replica service without replicas", (OURS, PIGSTY))
s.add(Haproxy(1, services(["UP", "DOWN", "DOWN"], ["DOWN", FAILS, FAILS])))
s.expect(30, "HaproxyReplicaServiceDown warning")

s = situation("backend in maintenance on purpose")
s.add(Haproxy(1, services(["MAINT", "MAINT"], ["MAINT", "MAINT"])))
s.expect(30)

s = situation("primary service without a server")
s.add(Haproxy(1, services([FAILS, "DOWN"], ["DOWN", "UP"])))
s.expect(30, "HaproxyServiceDown critical")

s = situation("queue before the primary", (PLAIN,))
s.add(Haproxy(1, HEALTHY, queue=12))
s.expect(30, "HaproxyQueue warning 2")

s = situation("HAProxy down", THREE)
s.add(Haproxy(1, HEALTHY).unreachable(), Node(1), Haproxy(2, HEALTHY))
s.expect(35, "HaproxyDown critical")

s = situation("etcd elects a leader five times in 10 minutes", TWO)
for member in etcd_cluster(s):
    member.set("etcd_server_leader_changes_seen_total", {0: 2} | steps(10, 20, 2, 3, 0.5) | {20: 8})
s.expect(25, "EtcdLeaderChanges warning").expect(45)

s = situation("etcd on a slow disk", TWO)
slow, *_ = etcd_cluster(s)
slow.latency("disk_wal_fsync", 0.5).latency("disk_backend_commit", 0.5)
s.expect(30, "EtcdWalFsyncSlow warning", "EtcdBackendCommitSlow warning")

s = situation("etcd rejects proposals", TWO)
for member in etcd_cluster(s):
    member.set("etcd_server_proposals_failed_total", Rise(0, 1))
s.expect(30, "EtcdProposalsFailing warning")

s = situation("etcd after a compaction that nobody followed by a defragmentation", TWO)
for member in etcd_cluster(s):
    member.size(500e6, 100e6)
s.expect(30, "EtcdFragmented warning")

s = situation("replica that comes and goes in HAProxy", TWO)
changes = {0: 1, 10: 2, 12: 3, 14: 4, 16: 5}
haproxy = s.add(Haproxy(1, HEALTHY))
haproxy.set("haproxy_server_check_up_down_total", changes, proxy="{cluster}-replica", server="{cluster}-2")
s.expect(20, "HaproxyServerFlapping warning").expect(45)

s = situation("HAProxy near its limit of connections", TWO)
s.add(Haproxy(1, HEALTHY)).set("haproxy_process_current_connections", 450)
s.expect(15, "HaproxySessionsHigh warning")
