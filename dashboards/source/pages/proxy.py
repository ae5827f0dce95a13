"""HAProxy: which member is UP in which backend, and its traffic."""

from mappings import BACKEND, UP
from page import Page, alerts_firing, alerts_over_time
from panels import graph, stat, timeline
from promql import counted
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, PROXY_SESSIONS, above

H = '@cls,proxy=~"$proxy"'
NEEDS = "No HAProxy target with this cluster label"

page = Page("proxy", "HAProxy in front of one cluster.", scope="cluster", of="haproxy_process_current_connections", tags=["pg-ha"],
            variables=[("proxy", "HAProxy backend", "label_values(haproxy_server_status{@cls}, proxy)", {"all_value": ".*"})])

page.row(
    None,
    stat("Backends with no server up", "Clients of these backends are refused.", (counted(f'sum by (ins, proxy) (haproxy_server_status{{{H},state="UP"}}) == 0', f"haproxy_server_status{{{H}}}"), ""), unit="short", steps=ANY_IS_BAD, none=NEEDS),
    stat("Servers DOWN", "Servers failing their health check. In the backend of the primary all but one are DOWN by design.", (counted(f'haproxy_server_status{{{H},state="DOWN"}} == 1', f"haproxy_server_status{{{H}}}"), ""), unit="short", none=NEEDS),
    stat("Session limit usage", "Sessions of the busiest backend as % of its limit. At 100 % new sessions are queued.", (f"max(haproxy_backend_current_sessions{{{H}}} / (haproxy_backend_limit_sessions{{{H}}} > 0))", ""), unit="percentunit", steps=above(PROXY_SESSIONS), none=NEEDS),
    stat("Queued connections", "Connections waiting for a server.", (f"sum(haproxy_backend_current_queue{{{H}}})", ""), unit="short", steps=ANY_IS_A_WARNING, none=NEEDS),
    stat("Connection limit usage", "Connections of the HAProxy process as % of maxconn.", ("max(haproxy_process_current_connections{@cls} / haproxy_process_max_connections{@cls})", ""), unit="percentunit", steps=above(PROXY_SESSIONS), none=NEEDS),
    alerts_firing(),
    alerts_over_time(),
)
page.row(
    "Backends",
    table("Backend servers", "Status, sessions, and downtime in the selected range.", ["ins", "proxy", "server"],
          Column("Status", f'max by (ins, proxy, server) (haproxy_server_status{{{H},state="UP"}})', maps=BACKEND),
          Column("Sessions", f"sum by (ins, proxy, server) (haproxy_server_current_sessions{{{H}}})", decimals=0),
          Column("Queued", f"sum by (ins, proxy, server) (haproxy_server_current_queue{{{H}}})", decimals=0, steps=ANY_IS_A_WARNING),
          Column("Downtime (range)", f"sum by (ins, proxy, server) (increase(haproxy_server_downtime_seconds_total{{{H}}}[$__range]))", "s"),
          Column("State changes (range)", f"sum by (ins, proxy, server) (increase(haproxy_server_check_up_down_total{{{H}}}[$__range]))", decimals=0),
          sort="Backend", none=NEEDS),
    timeline("Server state history", "Which server was UP in which backend.", (f'max by (proxy, server) (haproxy_server_status{{{H},state="UP"}})', "{{proxy}} {{server}}"), maps=BACKEND, none=NEEDS, w=24),
    graph("Sessions by backend", "Current sessions.", (f"sum by (proxy) (haproxy_backend_current_sessions{{{H}}})", "{{proxy}}"), unit="short", stack=True, none=NEEDS),
    graph("Queued connections by backend", "Connections waiting for a server.", (f"sum by (proxy) (haproxy_backend_current_queue{{{H}}})", "{{proxy}}"), unit="short", none=NEEDS),
    graph("Connection errors and retries", "Errors and retries per second. On errors PostgreSQL or PgBouncer refuses connections.", (f"sum by (proxy) (rate(haproxy_server_connection_errors_total{{{H}}}[R]))", "{{proxy}} errors"), (f"sum by (proxy) (rate(haproxy_backend_retry_warnings_total{{{H}}}[R]))", "{{proxy}} retries"), unit="ops", none=NEEDS),
    graph("Failed health checks per minute", "Failed checks of servers that were UP.", (f"sum by (proxy, server) (rate(haproxy_server_check_failures_total{{{H}}}[R])) * 60", "{{proxy}} {{server}}"), unit="short", none=NEEDS),
    graph("Network traffic", "Bytes per second: from clients above zero, to clients below.", (f"sum by (proxy) (rate(haproxy_server_bytes_in_total{{{H}}}[R]))", "{{proxy}} in"), (f"sum by (proxy) (rate(haproxy_server_bytes_out_total{{{H}}}[R]))", "{{proxy}} out"), unit="Bps", down="out$", none=NEEDS),
    graph("Aborted sessions", "Sessions per second aborted by the client or by the server.", (f"sum(rate(haproxy_server_client_aborts_total{{{H}}}[R]))", "Client"), (f"sum(rate(haproxy_server_server_aborts_total{{{H}}}[R]))", "Server"), unit="ops", none=NEEDS),
    graph("HAProxy CPU usage", "Above 90 % HAProxy itself is the bottleneck: add threads.", ("1 - haproxy_process_idle_time_percent{@cls} / 100", "{{ins}}"), unit="percentunit", steps=above((0.7, 0.9)), top=1, none=NEEDS, w=12),
    timeline("VIP probe", "Result of the VIP probe.", ("min by (instance) (probe_success{@cls})", "{{instance}}"), maps=UP, none="No VIP probe target with this cluster label"),
)
