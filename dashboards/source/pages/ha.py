"""Patroni, its store, the routing and the address, side by side: do they agree on who is primary?"""

from page import Page, alerts_firing, alerts_over_time, marks
from panels import Column, SERVES, UP, YES, graph, names, stat, table, texts, timeline
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, DCS_AGE, ETCD_FSYNC, ETCD_QUOTA, above

NEEDS = "no Patroni with these labels"
LEADER = texts(_0="blue:follows", _1="green:leads")
RUNS = texts(_0="red:does not run", _1="green:runs")

page = Page("pg-ha", "PostgreSQL high availability", "Patroni, etcd, HAProxy and the virtual address of one cluster. Its log is on the page of logs.", scope="cluster", tags=["pg-ha"], annotations=marks("@cls")[:2])

page.row(
    None,
    names("Leader", "The member that holds the lock. None: no member takes writes.", "patroni_primary{@cls} == 1 or patroni_standby_leader{@cls} == 1", "ins", none="no leader", link=("pg-instance", "ins")),
    stat("Leaders", "Exactly one is right.", ("sum(patroni_primary{@cls}) + sum(patroni_standby_leader{@cls})", ""), unit="short", steps=[("red", None), ("green", 1), ("red", 2)], none=NEEDS),
    stat("Lock", "Whether somebody holds the leader's lock in the store.", ("max(patroni_cluster_unlocked{@cls})", ""), unit="none", maps=texts(_0="green:held", _1="red:free"), none=NEEDS),
    stat("Automatic failover", "Paused: Patroni does nothing until resume. A forgotten maintenance?", ("max(patroni_is_paused{@cls})", ""), unit="none", maps=texts(_0="green:on", _1="orange:paused"), none=NEEDS),
    stat("Failsafe mode", "Active: the store cannot be reached, and the leader goes on only while all members agree.", ("max(patroni_failsafe_mode_is_active{@cls})", ""), unit="none", maps=texts(_0="green:not active", _1="red:active"), none=NEEDS),
    alerts_firing(),
    stat("Candidates", "Replicas whose PostgreSQL runs: who may take over. None: a failure of the leader is an outage.", ("sum(patroni_replica{@cls} * on (cls, ins) patroni_postgres_running)", ""), unit="short", steps=[("orange", None), ("green", 1)], none=NEEDS),
    stat("Oldest contact with the store", "Time since a member last reached the store. At the ttl (30 s) the leader steps down.", ("max(time() - patroni_dcs_last_seen{@cls})", ""), unit="s", steps=above(DCS_AGE), none=NEEDS),
    stat("Restarts pending", "Members with settings that need a restart.", ("sum(patroni_pending_restart{@cls})", ""), unit="short", steps=ANY_IS_A_WARNING, none=NEEDS),
    stat("Store without a leader", "etcd members that know of no leader: Patroni cannot write, the leader steps down.", ("count(etcd_server_has_leader{@cls} == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD, link="pg-etcd"),
    stat("Store's quota", "Size of etcd's database by its quota. At 1 it takes no more writes.", ("max(etcd_mvcc_db_total_size_in_bytes{@cls} / etcd_server_quota_backend_bytes{@cls})", ""), unit="percentunit", steps=above(ETCD_QUOTA), link="pg-etcd", none="no etcd with these labels"),
    stat("Virtual address", "Whether the probe reaches the address.", ("min(probe_success{@cls})", ""), unit="none", maps=texts(_0="red:unreachable", _1="green:reachable"), none="no probe with these labels"),
    alerts_over_time(),
)
page.row(
    "Members",
    table("Members", "As Patroni sees them. Timelines that differ: that member needs a rewind or a new base backup.", ["ins"],
          Column("leads", "max by (ins) (patroni_primary{@cls})", maps=LEADER),
          Column("PostgreSQL", "max by (ins) (patroni_postgres_running{@cls})", maps=RUNS),
          Column("streams", "max by (ins) (patroni_postgres_streaming{@cls})", maps=YES),
          Column("synchronous", "max by (ins) (patroni_sync_standby{@cls})", maps=YES),
          Column("quorum", "max by (ins) (patroni_quorum_standby{@cls})", maps=YES),
          Column("timeline", "max by (ins) (patroni_postgres_timeline{@cls})", "none"),
          Column("restart pending", "max by (ins) (patroni_pending_restart{@cls})", decimals=0, steps=ANY_IS_A_WARNING),
          Column("Patroni", "max by (ins) (patroni_version{@cls})", "none"), Column("server", "max by (ins) (patroni_postgres_server_version{@cls})", "none"),
          Column("running for", "time() - max by (ins) (patroni_postmaster_start_time{@cls} > 0)", "s"),
          sort="ins", links={"ins": ("pg-instance", "ins")}, none=NEEDS, h=7),
    timeline("Leadership", "Who led when. Two bands at once are a split brain.", ("max by (ins) (patroni_primary{@cls})", "{{ins}}"), maps=LEADER, link=("pg-instance", "ins"), none=NEEDS),
    timeline("PostgreSQL", "Whether the server ran that Patroni keeps.", ("max by (ins) (patroni_postgres_running{@cls})", "{{ins}}"), maps=RUNS, link=("pg-instance", "ins"), none=NEEDS),
    timeline("Streaming", "Whether each standby streams. One that reads the archive instead trails by a file.", ("max by (ins) (patroni_postgres_streaming{@cls})", "{{ins}} streams"),
             ("max by (ins) (patroni_postgres_in_archive_recovery{@cls})", "{{ins}} reads the archive"), maps=YES, none="needs Patroni 4"),
    timeline("Timelines", "Each failover begins a new one.", ("max by (ins) (patroni_postgres_timeline{@cls})", "{{ins}}"), none=NEEDS),
    graph("WAL at risk", "Bytes by which each replica's received and replayed WAL trails the leader's: what a failover to it would lose.",
          ("scalar(max(patroni_xlog_location{@cls})) - (patroni_xlog_received_location{@cls} > 0)", "{{ins}} received"), ("scalar(max(patroni_xlog_location{@cls})) - (patroni_xlog_replayed_location{@cls} > 0)", "{{ins}} replayed"),
          unit="bytes", none=NEEDS, w=12),
    graph("Contact with the store", "Time since each member last reached the store.", ("time() - patroni_dcs_last_seen{@cls}", "{{ins}}"), unit="s", steps=above(DCS_AGE), none=NEEDS, w=12),
)
page.row(
    "Store",
    graph("Disk of etcd", "99th percentile of etcd's write to disk: above 0.1 s leaders change, and Patroni's lock with them.",
          ("histogram_quantile(0.99, sum by (ins, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket{@cls}[R])))", "{{ins}}"), unit="s", steps=above(ETCD_FSYNC), link="pg-etcd", none="no etcd with these labels, or one that runs without fsync", w=12),
    graph("Network of etcd", "99th percentile of the round trip between members.", ("histogram_quantile(0.99, sum by (ins, le) (rate(etcd_network_peer_round_trip_time_seconds_bucket{@cls}[R])))", "{{ins}}"), unit="s", link="pg-etcd", none="no etcd, or only one member", w=12),
)
page.row(
    "Routing",
    table("Health checks", "Does the routing agree with Patroni? Exactly one server ought to be up in the primary's service.", ["ins", "proxy", "server"],
          Column("state", 'max by (ins, proxy, server) (haproxy_server_status{@cls,state="UP"})', maps=SERVES),
          Column("sessions", "sum by (ins, proxy, server) (haproxy_server_current_sessions{@cls})", decimals=0), sort="proxy", links={"proxy": "pg-proxy"}, none="no HAProxy with these labels", w=12),
    graph("Sessions to each member", "Did the traffic move with the leader?", ("sum by (proxy, server) (haproxy_server_current_sessions{@cls})", "{{proxy}} {{server}}"), unit="short", stack=True, link="pg-proxy", none="no HAProxy with these labels", w=12),
    graph("Round trip to the virtual address", "Time of the probe.", ("probe_duration_seconds{@cls}", "{{instance}}"), unit="s", none="no probe with these labels", w=12),
    timeline("vip-manager", "Whether its unit is active: it has no metrics of its own.", ('max by (ip, name) (node_systemd_unit_state{@cls,name=~"vip-manager.*",state="active"})', "{{ip}} {{name}}"), maps=UP, none="no node_exporter with --collector.systemd"),
)
