"""HAProxy: which member serves which service, and whether traffic gets through."""

from page import Page, alerts_firing, alerts_over_time
from panels import Column, SERVES, UP, graph, stat, table, timeline
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, PROXY_SESSIONS, above

H = '@cls,proxy=~"$proxy"'
NEEDS = "no HAProxy with these labels"

page = Page("pg-proxy", "PostgreSQL proxy", "HAProxy in front of one cluster.", scope="cluster", of="haproxy_process_current_connections", tags=["pg-ha"],
            variables=[("proxy", "Service", "label_values(haproxy_server_status{@cls}, proxy)", {"all_value": ".*"})])

page.row(
    None,
    stat("Services without a server", "Services of which no server is up: their clients are refused.", (f'count(sum by (ins, proxy) (haproxy_server_status{{{H},state="UP"}}) == 0) or vector(0)', ""), unit="short", steps=ANY_IS_BAD),
    stat("Servers down", "Servers that fail their check. In a primary's service all but one are down by design.", (f'count(haproxy_server_status{{{H},state="DOWN"}} == 1) or vector(0)', ""), unit="short"),
    stat("Sessions by limit", "Sessions of the fullest service by its limit. At 1 new ones queue.", (f"max(haproxy_backend_current_sessions{{{H}}} / (haproxy_backend_limit_sessions{{{H}}} > 0))", ""), unit="percentunit", steps=above(PROXY_SESSIONS), none=NEEDS),
    stat("Queue", "Connections that wait for a server.", (f"sum(haproxy_backend_current_queue{{{H}}})", ""), unit="short", steps=ANY_IS_A_WARNING, none=NEEDS),
    stat("Connections by limit", "Connections of the process by its limit.", ("max(haproxy_process_current_connections{@cls} / haproxy_process_max_connections{@cls})", ""), unit="percentunit", steps=above(PROXY_SESSIONS), none=NEEDS),
    alerts_firing(),
    alerts_over_time(),
)
page.row(
    "Services",
    table("Servers", "State, sessions, and time down since HAProxy started.", ["ins", "proxy", "server"],
          Column("state", f'max by (ins, proxy, server) (haproxy_server_status{{{H},state="UP"}})', maps=SERVES),
          Column("sessions", f"sum by (ins, proxy, server) (haproxy_server_current_sessions{{{H}}})", decimals=0),
          Column("queue", f"sum by (ins, proxy, server) (haproxy_server_current_queue{{{H}}})", decimals=0, steps=ANY_IS_A_WARNING),
          Column("down in the range", f"sum by (ins, proxy, server) (increase(haproxy_server_downtime_seconds_total{{{H}}}[$__range]))", "s"),
          Column("flaps in the range", f"sum by (ins, proxy, server) (increase(haproxy_server_check_up_down_total{{{H}}}[$__range]))", decimals=0),
          sort="proxy", none=NEEDS),
    timeline("Server states", "Which server served which service when.", (f'max by (proxy, server) (haproxy_server_status{{{H},state="UP"}})', "{{proxy}} {{server}}"), maps=SERVES, none=NEEDS, w=24),
    graph("Sessions", "Sessions by service.", (f"sum by (proxy) (haproxy_backend_current_sessions{{{H}}})", "{{proxy}}"), unit="short", stack=True, none=NEEDS),
    graph("Queues", "Connections that wait, by service.", (f"sum by (proxy) (haproxy_backend_current_queue{{{H}}})", "{{proxy}}"), unit="short", none=NEEDS),
    graph("Connection errors and retries", "Per second. Errors: PostgreSQL or the pooler behind refuses.", (f"sum by (proxy) (rate(haproxy_server_connection_errors_total{{{H}}}[R]))", "{{proxy}} errors"), (f"sum by (proxy) (rate(haproxy_backend_retry_warnings_total{{{H}}}[R]))", "{{proxy}} retries"), unit="ops", none=NEEDS),
    graph("Failed checks", "Failed checks per minute of servers that were up.", (f"sum by (proxy, server) (rate(haproxy_server_check_failures_total{{{H}}}[R])) * 60", "{{proxy}} {{server}}"), unit="short", none=NEEDS),
    graph("Traffic", "Bytes per second from clients (up) and to them (down).", (f"sum by (proxy) (rate(haproxy_server_bytes_in_total{{{H}}}[R]))", "{{proxy}} in"), (f"sum by (proxy) (rate(haproxy_server_bytes_out_total{{{H}}}[R]))", "{{proxy}} out"), unit="Bps", down="out$", none=NEEDS),
    graph("Aborts", "Sessions per second that the client or the server broke off.", (f"sum(rate(haproxy_server_client_aborts_total{{{H}}}[R]))", "client"), (f"sum(rate(haproxy_server_server_aborts_total{{{H}}}[R]))", "server"), unit="ops", none=NEEDS),
    graph("Busy share of the process", "Above 0.9 HAProxy itself is the bottleneck: more threads.", ("1 - haproxy_process_idle_time_percent{@cls} / 100", "{{ins}}"), unit="percentunit", steps=above((0.7, 0.9)), top=1, none=NEEDS, w=12),
    timeline("Virtual address", "Whether the probe reaches it.", ("min by (instance) (probe_success{@cls})", "{{instance}}"), maps=UP, none="no probe with these labels"),
)
