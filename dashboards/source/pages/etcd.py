"""etcd as the DCS that holds Patroni's leader lock."""

from mappings import YES
from page import Page, alerts_firing, alerts_over_time
from panels import graph, stat
from promql import counted
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, ETCD_COMMIT, ETCD_FSYNC, ETCD_QUOTA, above

NEEDS = "No etcd target with this cluster label"
NO_SYNCS = "No etcd target with this cluster label, or etcd runs with --unsafe-no-fsync"


def p99(name):
    """The 99th percentile of a histogram by member."""
    return f"histogram_quantile(0.99, sum by (ins, le) (rate({name}_bucket{{@cls}}[R])))"


page = Page("etcd", "etcd as Patroni's DCS: quorum, leader, disk, quota.", scope="cluster", of="etcd_server_has_leader", tags=["pg-ha"])

page.row(
    None,
    stat("Members up", "Quorum needs a majority.", ("count(etcd_server_has_leader{@cls})", ""), unit="short", none=NEEDS),
    stat("Members without a leader", "Members without a leader accept no writes.", (counted("etcd_server_has_leader{@cls} == 0", "etcd_server_has_leader{@cls}"), ""), unit="short", steps=ANY_IS_BAD, none=NEEDS),
    stat("Leader changes (range)", "Several changes: the disk or the network is too slow.", ("max(increase(etcd_server_leader_changes_seen_total{@cls}[$__range]))", ""), unit="short", decimals=0, steps=above((1, 4)), none=NEEDS),
    stat("Backend quota usage", "Backend size as % of the quota. At 100 % etcd accepts no more writes: compact and defragment.", ("max(etcd_mvcc_db_total_size_in_bytes{@cls} / etcd_server_quota_backend_bytes{@cls})", ""), unit="percentunit", steps=above(ETCD_QUOTA), none=NEEDS),
    stat("Failed proposals (range)", "Writes that failed, usually because there was no leader.", ("sum(increase(etcd_server_proposals_failed_total{@cls}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_A_WARNING, none=NEEDS),
    alerts_firing(),
    table("Members", "Exactly one member must be the leader.", ["ins"], Column("Leader", "max by (ins) (etcd_server_is_leader{@cls})", maps=YES), Column("Has leader", "max by (ins) (etcd_server_has_leader{@cls})", maps=YES),
          Column("Size", "max by (ins) (etcd_mvcc_db_total_size_in_bytes{@cls})", "bytes"), Column("Size in use", "max by (ins) (etcd_mvcc_db_total_size_in_use_in_bytes{@cls})", "bytes"),
          Column("Memory", "max by (ins) (process_resident_memory_bytes{@cls} and on (cls, instance) etcd_server_has_leader{@cls})", "bytes"), sort="Instance", links={"ins": "ha"}, none=NEEDS, h=5),
    alerts_over_time(),
)
page.row(
    "Latency",
    graph("WAL fsync p99", "Above 0.1 s etcd changes its leader.", (p99("etcd_disk_wal_fsync_duration_seconds"), "{{ins}}"), unit="s", steps=above(ETCD_FSYNC), none=NO_SYNCS),
    graph("Backend commit p99", "Time to commit to the backend database.", (p99("etcd_disk_backend_commit_duration_seconds"), "{{ins}}"), unit="s", steps=above(ETCD_COMMIT), none=NEEDS),
    graph("Peer round trip p99", "Round trip between members.", (p99("etcd_network_peer_round_trip_time_seconds"), "{{ins}}"), unit="s", steps=above((0.05, 0.15)), none="No etcd, or only one member"),
)
page.row(
    "Throughput",
    graph("Raft proposals", "Writes per second that were committed and applied.", ("rate(etcd_server_proposals_committed_total{@cls}[R])", "{{ins}} committed"), ("rate(etcd_server_proposals_applied_total{@cls}[R])", "{{ins}} applied"), unit="ops", none=NEEDS),
    graph("Pending proposals", "More than a few for long: no quorum, or a slow disk.", ("etcd_server_proposals_pending{@cls}", "{{ins}}"), unit="short", none=NEEDS),
    graph("Slow applies and heartbeat failures", "Per minute. On heartbeat failures the leader's disk or CPU is overloaded.", ("rate(etcd_server_slow_apply_total{@cls}[R]) * 60", "{{ins}} slow applies"), ("rate(etcd_server_heartbeat_send_failures_total{@cls}[R]) * 60", "{{ins}} heartbeat failures"), unit="short", none=NEEDS),
    graph("Database size", "Total size and size in use. If they differ much, defragment.", ("etcd_mvcc_db_total_size_in_bytes{@cls}", "{{ins}} total"), ("etcd_mvcc_db_total_size_in_use_in_bytes{@cls}", "{{ins}} in use"), unit="bytes", none=NEEDS),
    graph("Client traffic", "Bytes per second: received above zero, sent below.", ("rate(etcd_network_client_grpc_received_bytes_total{@cls}[R])", "{{ins}} received"), ("rate(etcd_network_client_grpc_sent_bytes_total{@cls}[R])", "{{ins}} sent"), unit="Bps", down="sent$", none=NEEDS),
    graph("Key count", "Patroni needs a few dozen keys per cluster.", ("etcd_debugging_mvcc_keys_total{@cls}", "{{ins}}"), unit="short", none=NEEDS),
)
