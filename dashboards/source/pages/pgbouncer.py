"""One PgBouncer: whether clients wait, and for which pool."""

from mappings import UP, texts
from page import Page, alerts_firing, alerts_over_time
from panels import graph, names, stat
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, CLIENT_LIMIT, POOL, POOL_WAIT, above

# The console is no pool.
P = '@ins,datname=~"$datname",datname!="pgbouncer",user=~"$user"'
D = '@ins,datname=~"$datname",datname!="pgbouncer"'
# A server may have several PgBouncers, each with pools of its own: a full one is not hidden by an idle one.
USE = f"sum by (instance, datname, user) (pgbouncer_pool_active_servers{{{P}}}) / on (instance, datname) group_left () max by (instance, datname) (pgbouncer_database_pool_size{{{D}}} > 0)"


def ratio(above_, beneath):
    """One counter's rate per another's."""
    return f"sum(rate({above_}{{{D}}}[R])) / (sum(rate({beneath}{{{D}}}[R])) > 0)"


page = Page("pgbouncer", "One PgBouncer: client queue, pool usage, latency.", scope="instance", of="pgbouncer_up", tags=["pg-pooler"],
            variables=[("datname", "Database", "label_values(pgbouncer_pool_active_clients{@ins}, datname)", {"all_value": ".*"}),
                       ("user", "User", 'label_values(pgbouncer_pool_active_clients{@ins,datname=~"$datname"}, user)', {"all_value": ".*"})])

page.row(
    None,
    stat("Status", "Result of the last query on the admin console.", ("pgbouncer_up{@ins}", ""), unit="none", maps=UP),
    names("Version", "Version of PgBouncer.", "pgbouncer_version_info{@ins}", "version"),
    stat("Waiting clients (cl_waiting)", "Clients waiting for a server connection.", (f"sum(pgbouncer_pool_waiting_clients{{{P}}})", ""), unit="short", steps=above((1, 10))),
    stat("Max wait (maxwait)", "Longest time a client is waiting. Above 1 s users notice: enlarge the pool, or shorten transactions.", (f"max(pgbouncer_pool_maxwait_seconds{{{P}}})", ""), unit="s", steps=above(POOL_WAIT)),
    stat("Max pool usage", "Server connections in use by a client as % of pool_size, of the busiest pool: a pair of database and user of one PgBouncer. Idle ones are free and do not count. At 100 % the next client waits.", (f"max({USE})", ""), unit="percentunit", steps=above(POOL)),
    alerts_firing("@ins"),
    stat("Client connection usage", "Clients as % of max_client_conn. At 100 % new clients are refused.", ('max(sum by (instance) (pgbouncer_list_items{@ins,list="used_clients"}) / max by (instance) (pgbouncer_setting_max_client_conn{@ins}))', ""), unit="percentunit", steps=above(CLIENT_LIMIT)),
    stat("Paused", "Databases after PAUSE, and whether the whole PgBouncer is paused: clients wait until RESUME. Possibly left over from maintenance.",
         ("sum(pgbouncer_database_paused{@ins})", "Databases"), ("sum(pgbouncer_state_paused{@ins})", "PgBouncer"), unit="short", steps=ANY_IS_A_WARNING),
    stat("Disabled databases", "Databases after DISABLE: new clients are refused until ENABLE. Possibly left over from maintenance.", ("sum(pgbouncer_database_disabled{@ins})", ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("QPS", "Queries per second.", (f"sum(rate(pgbouncer_stat_total_query_count{{{D}}}[R]))", ""), unit="ops"),
    stat("Mean query time", "Mean time of a query.", (ratio("pgbouncer_stat_total_query_time", "pgbouncer_stat_total_query_count"), ""), unit="s"),
    stat("Mean transaction time", "Mean time of a transaction, including client think time. Far above the mean query time: the application holds idle connections.",
         (ratio("pgbouncer_stat_total_xact_time", "pgbouncer_stat_total_xact_count"), ""), unit="s"),
    alerts_over_time("@ins"),
)
page.row(
    "Pools",
    table("Pools", "One row per PgBouncer, database and user.", ["instance", "datname", "user", "pool_mode"],
          Column("cl_active", f"sum by (instance, datname, user, pool_mode) (pgbouncer_pool_active_clients{{{P}}})", decimals=0),
          Column("cl_waiting", f"sum by (instance, datname, user, pool_mode) (pgbouncer_pool_waiting_clients{{{P}}})", decimals=0, steps=above((1, 10))),
          Column("maxwait", f"max by (instance, datname, user, pool_mode) (pgbouncer_pool_maxwait_seconds{{{P}}})", "s", above(POOL_WAIT)),
          Column("sv_active", f"sum by (instance, datname, user, pool_mode) (pgbouncer_pool_active_servers{{{P}}})", decimals=0),
          Column("sv_idle", f"sum by (instance, datname, user, pool_mode) (pgbouncer_pool_idle_servers{{{P}}})", decimals=0),
          Column("sv_used", f"sum by (instance, datname, user, pool_mode) (pgbouncer_pool_used_servers{{{P}}})", decimals=0),
          Column("sv_login", f"sum by (instance, datname, user, pool_mode) (pgbouncer_pool_login_servers{{{P}}})", decimals=0),
          sort="-cl_waiting", links={"datname": ("database", "datname")}, h=6),
    table("Databases", "Pool size per user, reserve pool, and connections against max_db_connections.", ["instance", "datname", "host", "port"],
          Column("Pool size", f"max by (instance, datname, host, port) (pgbouncer_database_pool_size{{{D}}})", decimals=0),
          Column("Reserve pool", f"max by (instance, datname, host, port) (pgbouncer_database_reserve_pool{{{D}}})", decimals=0),
          Column("Connections", f"max by (instance, datname, host, port) (pgbouncer_database_current_connections{{{D}}})", decimals=0),
          Column("Limit", f"max by (instance, datname, host, port) (pgbouncer_database_max_connections{{{D}}})", maps=texts(_0="transparent:unlimited"), decimals=0),
          sort="-Connections", links={"datname": ("database", "datname")}, h=5),
    graph("Pool usage", "Active server connections as % of pool_size. At 100 % the pool is full: find out who holds the connections, then adjust the size.", (USE, "{{datname}} {{user}} {{instance}}"), unit="percentunit", steps=above(POOL)),
    graph("Waiting clients by pool", "Clients waiting for a server connection.", (f"sum by (instance, datname, user) (pgbouncer_pool_waiting_clients{{{P}}})", "{{datname}} {{user}} {{instance}}"), unit="short", stack=True),
    graph("Client wait time (avg waiting clients)", "Average waiting clients. Wait time is recorded when a client gets its connection.", (f"sum by (datname) (rate(pgbouncer_stat_total_wait_time{{{D}}}[R]))", "{{datname}}"), unit="short"),
    graph("Server connections by state", "If login stays above 0, PostgreSQL refuses connections or is slow. Used connections wait for a check.", (f"sum(pgbouncer_pool_active_servers{{{P}}})", "Active"), (f"sum(pgbouncer_pool_idle_servers{{{P}}})", "Idle"),
          (f"sum(pgbouncer_pool_used_servers{{{P}}})", "Used"), (f"sum(pgbouncer_pool_tested_servers{{{P}}})", "Tested"), (f"sum(pgbouncer_pool_login_servers{{{P}}})", "Login"), unit="short", stack=True),
    graph("Client connections", "Clients, and the maximum that PgBouncer accepts.", ('sum by (instance) (pgbouncer_list_items{@ins,list="used_clients"})', "{{instance}} clients"), ("max by (instance) (pgbouncer_setting_max_client_conn{@ins})", "{{instance}} max_client_conn"), unit="short"),
    graph("Cancel requests", "Cancel requests queued or in progress: clients lose patience.", (f"sum(pgbouncer_pool_cancel_clients{{{P}}})", "Queued"), (f"sum(pgbouncer_pool_active_cancel_clients{{{P}}})", "In progress"), unit="short", none="Needs PgBouncer 1.16+"),
)
page.row(
    "Workload",
    graph("QPS and TPS", "Queries and transactions per second.", (f"sum(rate(pgbouncer_stat_total_query_count{{{D}}}[R]))", "Queries"), (f"sum(rate(pgbouncer_stat_total_xact_count{{{D}}}[R]))", "Transactions"), unit="ops"),
    graph("Mean query and transaction time", "The transaction time includes client think time.", (ratio("pgbouncer_stat_total_query_time", "pgbouncer_stat_total_query_count"), "Query"), (ratio("pgbouncer_stat_total_xact_time", "pgbouncer_stat_total_xact_count"), "Transaction"), unit="s"),
    graph("Queries per transaction", "A high value means a chatty application: each query is a round trip during which it holds a connection.", (ratio("pgbouncer_stat_total_query_count", "pgbouncer_stat_total_xact_count"), "Queries per transaction"), unit="short"),
    graph("Network traffic", "Bytes per second: from clients above zero, to clients below.", (f"sum(rate(pgbouncer_stat_total_received{{{D}}}[R]))", "Received"), (f"sum(rate(pgbouncer_stat_total_sent{{{D}}}[R]))", "Sent"), unit="Bps", down="^Sent$"),
    graph("Server assignments/s", "Server connections assigned to clients.", (f"sum by (datname) (rate(pgbouncer_stat_total_server_assignment_count{{{D}}}[R]))", "{{datname}}"), unit="ops", none="Needs PgBouncer 1.23+"),
    graph("Prepared statements", "Parses by clients, and parses forwarded to a server: the fewer of the latter, the better the cache works.", (f"sum(rate(pgbouncer_stat_total_client_parse_count{{{D}}}[R]))", "Client parses"),
          (f"sum(rate(pgbouncer_stat_total_server_parse_count{{{D}}}[R]))", "Server parses"), (f"sum(rate(pgbouncer_stat_total_bind_count{{{D}}}[R]))", "Binds"), unit="ops", none="Needs PgBouncer 1.24+"),
)
