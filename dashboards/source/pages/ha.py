"""Patroni, DCS, routing and VIP side by side: whether they agree on the primary."""

from common import version
from mappings import BACKEND, UP, YES, texts
from page import Page, alerts_firing, alerts_over_time, marks
from panels import graph, names, stat, timeline
from promql import counted
from tables import Column, Text, table
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, DCS_AGE, ETCD_FSYNC, ETCD_QUOTA, above

NEEDS = "No Patroni target with this cluster label"
LEADER = texts(_0="blue:replica", _1="green:leader")
NO_REST = "No pg-exporter with --patroni-url and this cluster label"
NO_SERVICES = "No pg-exporter with --services and this cluster label"
NO_CANARY = "No service with a canary in the file of --services"
ANSWERS = texts(_0="red:no", _1="green:yes")
HEALTHY = texts(_0="red:fails", _1="green:as promised")
HOP = texts(_0="green:ok", _1="red:fails")
HOPS = [("DNS", "dns"), ("Address", "address"), ("Listener", "listener"), ("Load balancer", "balancer"), ("TLS", "tls"), ("Pooler", "pooler"),
        ("Login", "login"), ("Server", "server"), ("Query", "query"), ("Cluster", "cluster"), ("Role", "role"), ("Split", "split"), ("Canary", "canary")]
RUNNING = texts(_0="red:stopped", _1="green:running")

# 40105 is 4.1.5.
PATRONI_VERSION = ('label_replace(count_values by (ins) ("patroni", patroni_version{@cls}), "patroni", "$1.$2$3.$4$5", "patroni", '
                   '"([0-9]+)(?:0([0-9])|([1-9][0-9]))(?:0([0-9])|([1-9][0-9]))")')

page = Page("ha", "Patroni, DCS (etcd), HAProxy and VIP of one cluster.", scope="cluster", tags=["pg-ha"], annotations=marks("@cls")[:2])

page.row(
    None,
    names("Leader", "The member that holds the leader lock. If empty, no member accepts writes.", "patroni_primary{@cls} == 1 or patroni_standby_leader{@cls} == 1", "ins", none="No leader", link=("instance", "ins")),
    stat("Leader count", "Must be 1.", ("sum(patroni_primary{@cls}) + sum(patroni_standby_leader{@cls})", ""), unit="short", steps=[("red", None), ("green", 1), ("red", 2)], none=NEEDS),
    stat("Leader lock", "Whether a member holds the leader lock in the DCS.", ("max(patroni_cluster_unlocked{@cls})", ""), unit="none", maps=texts(_0="green:held", _1="red:free"), none=NEEDS),
    stat("Failover mode", "If paused, Patroni does nothing until resume. Possibly left over from maintenance.", ("max(patroni_is_paused{@cls})", ""), unit="none", maps=texts(_0="green:automatic", _1="orange:paused (maintenance)"), none=NEEDS),
    stat("DCS failsafe mode", "If active, the DCS is unreachable, and the leader stays up only while all members agree.", ("max(patroni_failsafe_mode_is_active{@cls})", ""), unit="none", maps=texts(_0="green:not active", _1="red:active"), none=NEEDS),
    alerts_firing(),
    stat("Failover candidates", "Replicas with a running PostgreSQL. If 0, a failure of the leader is an outage. A cluster of one member has none by design.",
         ("sum(patroni_replica{@cls} * on (cls, ins) patroni_postgres_running{@cls}) and on () count(count_over_time(patroni_primary{@cls}[$__range])) > 1", ""), unit="short", steps=[("orange", None), ("green", 1)], none="No replica, or no Patroni target"),
    stat("DCS last seen (worst)", "Longest time since a member reached the DCS. At the ttl (30 s) the leader is demoted.", ("max(time() - patroni_dcs_last_seen{@cls})", ""), unit="s", steps=above(DCS_AGE), none=NEEDS),
    stat("Pending restarts", "Members with parameters that need a restart.", ("sum(patroni_pending_restart{@cls})", ""), unit="short", steps=ANY_IS_A_WARNING, none=NEEDS),
    stat("etcd members without leader", "Without an etcd leader Patroni cannot renew the leader lock, and the leader is demoted.", (counted("etcd_server_has_leader{@cls} == 0", "etcd_server_has_leader{@cls}"), ""), unit="short", steps=ANY_IS_BAD, link="etcd", none="No etcd target with this cluster label"),
    stat("etcd quota usage", "Backend size as % of the quota. At 100 % etcd accepts no more writes.", ("max(etcd_mvcc_db_total_size_in_bytes{@cls} / etcd_server_quota_backend_bytes{@cls})", ""), unit="percentunit", steps=above(ETCD_QUOTA), link="etcd", none="No etcd target with this cluster label"),
    stat("VIP", "Result of the VIP probe.", ("min(probe_success{@cls})", ""), unit="none", maps=texts(_0="red:unreachable", _1="green:reachable"), none="No VIP probe target with this cluster label"),
    alerts_over_time(),
)
page.row(
    "Members",
    table("Patroni members", "Member state as Patroni reports it. A member on another timeline needs pg_rewind or a new base backup.", ["ins"],
          Column("Role", "max by (ins) (patroni_primary{@cls})", maps=LEADER),
          Column("PostgreSQL", "max by (ins) (patroni_postgres_running{@cls})", maps=RUNNING),
          Column("Streaming", "max by (ins) (patroni_postgres_streaming{@cls})", maps=YES),
          Column("Synchronous", "max by (ins) (patroni_sync_standby{@cls})", maps=YES),
          Column("Quorum", "max by (ins) (patroni_quorum_standby{@cls})", maps=YES),
          Column("Timeline", "max by (ins) (patroni_postgres_timeline{@cls})", "none"),
          Column("Restart pending", "max by (ins) (patroni_pending_restart{@cls})", decimals=0, steps=ANY_IS_A_WARNING),
          Text("Patroni version", PATRONI_VERSION, "patroni"), Text("PostgreSQL version", version("@cls", "ins"), "version"),
          Column("Uptime", "time() - max by (ins) (patroni_postmaster_start_time{@cls} > 0)", "s"),
          sort="Instance", links={"ins": ("instance", "ins")}, none=NEEDS, h=7),
    table("Failover candidates by member", "Whether a failover may promote the member, by tags, lag and synchronous mode. The obstacle says why not.", ["member"],
          Column("Candidate", "max by (member) (patroni_member_candidate{@cls})", maps=YES),
          Text("Obstacle", "topk by (member) (1, max by (member, obstacle) (patroni_member_state_info{@cls}))", "obstacle"),
          Text("State", "topk by (member) (1, max by (member, state) (patroni_member_state_info{@cls}))", "state"),
          Column("Lag in DCS", "max by (member) (patroni_member_lag_bytes{@cls})", "bytes"),
          Column("Priority", "max by (member) (patroni_member_failover_priority{@cls})", "none"),
          Column("No failover", "max by (member) (patroni_member_nofailover{@cls})", maps=YES),
          Column("No load balancing", "max by (member) (patroni_member_noloadbalance{@cls})", maps=YES),
          Column("No sync", "max by (member) (patroni_member_nosync{@cls})", maps=YES),
          Column("Clone source", "max by (member) (patroni_member_clonefrom{@cls})", maps=YES),
          Column("Scheduled restart", "1000 * max by (member) (patroni_member_scheduled_restart_time_seconds{@cls})", "dateTimeAsIso"),
          sort="Member", none=NO_REST, w=24, h=6),
    table("Past failovers and switchovers", "The last 20 timelines that have ended. A timeline that ended by itself was a failover.", ["timeline", "new_leader"],
          Column("Ended", "1000 * max by (timeline, new_leader) (patroni_history_end_time_seconds{@cls})", "dateTimeAsIso"),
          Column("Position", "max by (timeline, new_leader) (patroni_history_end_lsn_bytes{@cls})", "bytes"),
          sort="-Ended", none=NO_REST, w=12, h=6),
    table("Scheduled switchover", "A switchover that Patroni will begin by itself. patronictl flush cancels it.", ["from", "to"],
          Column("Begins", "1000 * max by (from, to) (patroni_switchover_scheduled_time_seconds{@cls})", "dateTimeAsIso"),
          sort="Begins", none="No switchover is scheduled", w=12, h=6),
    timeline("Leader history", "Two leaders at once are a split brain.", ("max by (ins) (patroni_primary{@cls})", "{{ins}}"), maps=LEADER, link=("instance", "ins"), none=NEEDS),
    timeline("PostgreSQL state history", "Whether the PostgreSQL that Patroni manages is running.", ("max by (ins) (patroni_postgres_running{@cls})", "{{ins}}"), maps=RUNNING, link=("instance", "ins"), none=NEEDS),
    timeline("Streaming state", "A replica in archive recovery lags by a WAL file.", ("max by (ins) (patroni_postgres_streaming{@cls})", "{{ins}} streaming"),
             ("max by (ins) (patroni_postgres_in_archive_recovery{@cls})", "{{ins}} archive recovery"), maps=YES, none="Needs Patroni 4+"),
    timeline("Timeline history", "Each failover starts a new timeline.", ("max by (ins) (patroni_postgres_timeline{@cls})", "{{ins}}"), none=NEEDS),
    graph("WAL lag behind leader (potential data loss)", "WAL of the leader that each replica has not received and replayed. The part not received is lost in a failover to that replica.",
          ("clamp_min(scalar(max(patroni_xlog_location{@cls})) - (patroni_xlog_received_location{@cls} > 0), 0)", "{{ins}} received"), ("clamp_min(scalar(max(patroni_xlog_location{@cls})) - (patroni_xlog_replayed_location{@cls} > 0), 0)", "{{ins}} replayed"),
          unit="bytes", none=NEEDS, w=12),
    graph("DCS last seen by member", "Time since each member last reached the DCS.", ("time() - patroni_dcs_last_seen{@cls}", "{{ins}}"), unit="s", steps=above(DCS_AGE), none=NEEDS, w=12),
)
page.row(
    "Services (as clients use them)",
    table("Services, hop by hop", "The last probe of each service of pg-exporter's --services, hop by hop: the hop that fails is red.", ["ins", "service"],
          Column("Answers", "min by (ins, service) (pg_service_up{@cls})", maps=ANSWERS),
          *(Column(title, f'max by (ins, service) (pg_service_hop_failed{{@cls,hop="{hop}"}})', maps=HOP) for title, hop in HOPS),
          Column("Time", "sum by (ins, service) (pg_service_step_seconds{@cls})", "s"),
          Column("Lag", "max by (ins, service) (pg_service_lag_seconds{@cls})", "s"),
          sort="Service", links={"ins": ("instance", "ins")}, none=NO_SERVICES, h=7),
    timeline("Service history", "Whether each service answered as promised.", ("min by (ins, service) (pg_service_ok{@cls})", "{{ins}} {{service}}"), maps=HEALTHY, none=NO_SERVICES),
    graph("Time by step", "Time of each step to a service's answer.", ("max by (service, step) (pg_service_step_seconds{@cls})", "{{service}} {{step}}"), unit="s", stack=True, none=NO_SERVICES, w=12),
    stat("Canary writes lost", "Committed rows that were missing later, as after a failover that lost data (range).", ("sum(increase(pg_service_canary_lost_total{@cls}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_BAD, none=NO_CANARY, w=4, h=8),
    graph("Canary write time", "Time of a small write with its commit, through each service. A hanging commit waits for a synchronous standby.", ("max by (service) (pg_service_canary_write_seconds{@cls})", "{{service}}"), unit="s", none=NO_CANARY, w=10),
    graph("Canary age", "Age of the newest row that is visible through each service with canary_of. Up to the probe interval is normal.", ("max by (service) (pg_service_canary_age_seconds{@cls})", "{{service}}"), unit="s", none=NO_CANARY, w=10),
)
page.row(
    "DCS (etcd)",
    graph("etcd WAL fsync p99", "Above 0.1 s etcd changes its leader, and Patroni may lose its lock.",
          ("histogram_quantile(0.99, sum by (ins, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket{@cls}[R])))", "{{ins}}"), unit="s", steps=above(ETCD_FSYNC), link="etcd", none="No etcd target with this cluster label, or etcd runs with --unsafe-no-fsync", w=12),
    graph("etcd peer round trip p99", "Round trip between etcd members.", ("histogram_quantile(0.99, sum by (ins, le) (rate(etcd_network_peer_round_trip_time_seconds_bucket{@cls}[R])))", "{{ins}}"), unit="s", link="etcd", none="No etcd, or only one member", w=12),
)
page.row(
    "Routing (HAProxy, VIP)",
    table("HAProxy health checks", "HAProxy must agree with Patroni: exactly one server UP in the backend of the primary.", ["ins", "proxy", "server"],
          Column("Status", 'max by (ins, proxy, server) (haproxy_server_status{@cls,state="UP"})', maps=BACKEND),
          Column("Sessions", "sum by (ins, proxy, server) (haproxy_server_current_sessions{@cls})", decimals=0), sort="Backend", links={"proxy": ("proxy", "proxy")}, none="No HAProxy target with this cluster label", w=12),
    graph("Sessions by backend and member", "Whether the traffic moved with the leader.", ("sum by (proxy, server) (haproxy_server_current_sessions{@cls})", "{{proxy}} {{server}}"), unit="short", stack=True, link=("proxy", "proxy"), none="No HAProxy target with this cluster label", w=12),
    graph("VIP probe duration", "Time of the VIP probe.", ("probe_duration_seconds{@cls}", "{{instance}}"), unit="s", none="No VIP probe target with this cluster label", w=12),
    timeline("vip-manager service", "State of the systemd unit; vip-manager has no metrics of its own.", ('max by (ip, name) (node_systemd_unit_state{@cls,name=~"vip-manager.*",state="active"})', "{{ip}} {{name}}"), maps=UP, none="No node_exporter target with --collector.systemd"),
)
