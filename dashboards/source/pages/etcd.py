"""etcd: the store on which Patroni's leader lock lives."""

from page import Page, alerts_firing, alerts_over_time
from panels import Column, YES, graph, stat, table
from thresholds import ANY_IS_BAD, ETCD_COMMIT, ETCD_FSYNC, ETCD_QUOTA, above

NEEDS = "no etcd with these labels"
NO_SYNCS = "no etcd with these labels, or one that runs without fsync"


def p99(name):
    """The 99th percentile of a histogram by member."""
    return f"histogram_quantile(0.99, sum by (ins, le) (rate({name}_bucket{{@cls}}[R])))"


page = Page("pg-etcd", "etcd", "The store of Patroni: quorum, leader, disk, quota.", scope="cluster", of="etcd_server_has_leader", tags=["pg-ha"])

page.row(
    None,
    stat("Members scraped", "Members that Prometheus reaches. Fewer than half of all: no quorum.", ("count(etcd_server_has_leader{@cls})", ""), unit="short", none=NEEDS),
    stat("Members without a leader", "Members that know of no leader: they take no writes.", ("count(etcd_server_has_leader{@cls} == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD),
    stat("Leader changes in the range", "Changes in the shown range. Several: the disk or the network is too slow.", ("max(increase(etcd_server_leader_changes_seen_total{@cls}[$__range]))", ""), unit="short", decimals=0, steps=above((1, 4)), none=NEEDS),
    stat("Quota used", "Size of the database by its quota. At 1 etcd takes no more writes: compact and defragment.", ("max(etcd_mvcc_db_total_size_in_bytes{@cls} / etcd_server_quota_backend_bytes{@cls})", ""), unit="percentunit", steps=above(ETCD_QUOTA), none=NEEDS),
    stat("Failed proposals in the range", "Writes that failed, commonly since there was no leader.", ("sum(increase(etcd_server_proposals_failed_total{@cls}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_BAD, none=NEEDS),
    alerts_firing(),
    table("Members", "Exactly one leads.", ["ins"], Column("leads", "max by (ins) (etcd_server_is_leader{@cls})", maps=YES), Column("knows a leader", "max by (ins) (etcd_server_has_leader{@cls})", maps=YES),
          Column("size", "max by (ins) (etcd_mvcc_db_total_size_in_bytes{@cls})", "bytes"), Column("in use", "max by (ins) (etcd_mvcc_db_total_size_in_use_in_bytes{@cls})", "bytes"),
          Column("memory", "max by (ins) (process_resident_memory_bytes{@cls} and on (cls, ins, instance) etcd_server_has_leader)", "bytes"), sort="ins", links={"ins": "pg-ha"}, none=NEEDS, h=7),
    alerts_over_time(),
)
page.row(
    "Latency",
    graph("WAL sync", "99th percentile. Above 0.1 s leaders change.", (p99("etcd_disk_wal_fsync_duration_seconds"), "{{ins}}"), unit="s", steps=above(ETCD_FSYNC), none=NO_SYNCS),
    graph("Commit", "99th percentile of the database's commit.", (p99("etcd_disk_backend_commit_duration_seconds"), "{{ins}}"), unit="s", steps=above(ETCD_COMMIT), none=NEEDS),
    graph("Round trip between members", "99th percentile.", (p99("etcd_network_peer_round_trip_time_seconds"), "{{ins}}"), unit="s", steps=above((0.05, 0.15)), none="no etcd, or only one member"),
)
page.row(
    "Work",
    graph("Proposals", "Writes per second that were agreed on and applied.", ("rate(etcd_server_proposals_committed_total{@cls}[R])", "{{ins}} committed"), ("rate(etcd_server_proposals_applied_total{@cls}[R])", "{{ins}} applied"), unit="ops", none=NEEDS),
    graph("Proposals that wait", "Writes not yet agreed on. More than a few for long: no quorum, or a slow disk.", ("etcd_server_proposals_pending{@cls}", "{{ins}}"), unit="short", none=NEEDS),
    graph("Slow applies and heartbeats", "Per minute. Heartbeats that fail: the leader's disk or CPU is overloaded.", ("rate(etcd_server_slow_apply_total{@cls}[R]) * 60", "{{ins}} slow applies"), ("rate(etcd_server_heartbeat_send_failures_total{@cls}[R]) * 60", "{{ins}} heartbeats"), unit="short", none=NEEDS),
    graph("Size", "Bytes of the database and those in use: far apart, defragment.", ("etcd_mvcc_db_total_size_in_bytes{@cls}", "{{ins}} all"), ("etcd_mvcc_db_total_size_in_use_in_bytes{@cls}", "{{ins}} in use"), unit="bytes", none=NEEDS),
    graph("Traffic of clients", "Bytes per second: received up, sent down.", ("rate(etcd_network_client_grpc_received_bytes_total{@cls}[R])", "{{ins}} received"), ("rate(etcd_network_client_grpc_sent_bytes_total{@cls}[R])", "{{ins}} sent"), unit="Bps", down="sent$", none=NEEDS),
    graph("Keys", "Keys in the store. Patroni needs a few dozen by cluster.", ("etcd_debugging_mvcc_keys_total{@cls}", "{{ins}}"), unit="short", none=NEEDS),
)
