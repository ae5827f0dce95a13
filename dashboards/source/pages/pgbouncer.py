"""The pooler: does anybody queue, and for which pool."""

from page import Page, alerts_firing, alerts_over_time
from panels import Column, UP, graph, names, stat, table
from thresholds import ANY_IS_A_WARNING, CLIENT_LIMIT, POOL, POOL_WAIT, above

P = '@ins,datname=~"$datname",user=~"$user"'
D = '@ins,datname=~"$datname"'
SERVERS = f"(pgbouncer_pool_active_servers{{{P}}} + pgbouncer_pool_idle_servers{{{P}}} + pgbouncer_pool_used_servers{{{P}}} + pgbouncer_pool_tested_servers{{{P}}} + pgbouncer_pool_login_servers{{{P}}})"
USE = f"sum by (datname, user) ({SERVERS}) / on (datname) group_left () max by (datname) (pgbouncer_database_pool_size{{{D}}})"


def share(above_, beneath):
    """One counter's rate by another's."""
    return f"sum(rate({above_}{{{D}}}[R])) / (sum(rate({beneath}{{{D}}}[R])) > 0)"


page = Page("pg-pgbouncer", "PgBouncer", "One pooler: clients that wait, pools that are full, latency.", scope="instance", of="pgbouncer_up", tags=["pg-pooler"],
            variables=[("datname", "Database", "label_values(pgbouncer_pool_active_clients{@ins}, datname)", {"all_value": ".*"}),
                       ("user", "User", 'label_values(pgbouncer_pool_active_clients{@ins,datname=~"$datname"}, user)', {"all_value": ".*"})])

page.row(
    None,
    stat("Up", "Whether the console answered in the last scrape.", ("pgbouncer_up{@ins}", ""), unit="none", maps=UP),
    names("Version", "Version of PgBouncer.", "pgbouncer_version_info{@ins}", "version"),
    stat("Clients waiting", "Clients that wait for a server connection.", (f"sum(pgbouncer_pool_waiting_clients{{{P}}})", ""), unit="short", steps=above((1, 10))),
    stat("Longest wait", "The longest time that a client now waits. Above a second users notice: a larger pool, or shorter transactions.", (f"max(pgbouncer_pool_maxwait_seconds{{{P}}})", ""), unit="s", steps=above(POOL_WAIT)),
    stat("Fullest pool", "Server connections by pool_size of the fullest pair of database and user. At 1 the next client waits.", (f"max({USE})", ""), unit="percentunit", steps=above(POOL)),
    alerts_firing("@ins"),
    stat("Client limit", "Clients by max_client_conn. At 1 new ones are refused.", ('sum(pgbouncer_list_items{@ins,list="used_clients"}) / max(pgbouncer_setting_max_client_conn{@ins})', ""), unit="percentunit", steps=above(CLIENT_LIMIT)),
    stat("Paused databases", "Databases on PAUSE: their clients wait until RESUME. A forgotten maintenance?", ("sum(pgbouncer_database_paused{@ins})", ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("Disabled databases", "Databases on DISABLE: new clients are refused until ENABLE.", ("sum(pgbouncer_database_disabled{@ins})", ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("Queries", "Queries per second.", (f"sum(rate(pgbouncer_stat_total_query_count{{{D}}}[R]))", ""), unit="ops"),
    stat("Time by query", "Average time of a query.", (share("pgbouncer_stat_total_query_time", "pgbouncer_stat_total_query_count"), ""), unit="s"),
    stat("Time by transaction", "Average time of a transaction, with what the client does in between. Far above the queries' time: the application holds its connection idle.",
         (share("pgbouncer_stat_total_xact_time", "pgbouncer_stat_total_xact_count"), ""), unit="s"),
    alerts_over_time("@ins"),
)
page.row(
    "Pools",
    table("Pools", "One row for each pair of database and user.", ["datname", "user", "pool_mode"],
          Column("clients", f"sum by (datname, user, pool_mode) (pgbouncer_pool_active_clients{{{P}}})", decimals=0),
          Column("waiting", f"sum by (datname, user, pool_mode) (pgbouncer_pool_waiting_clients{{{P}}})", decimals=0, steps=above((1, 10))),
          Column("max wait", f"max by (datname, user, pool_mode) (pgbouncer_pool_maxwait_seconds{{{P}}})", "s", above(POOL_WAIT)),
          Column("servers", f"sum by (datname, user, pool_mode) (pgbouncer_pool_active_servers{{{P}}})", decimals=0),
          Column("idle", f"sum by (datname, user, pool_mode) (pgbouncer_pool_idle_servers{{{P}}})", decimals=0),
          Column("used", f"sum by (datname, user, pool_mode) (pgbouncer_pool_used_servers{{{P}}})", decimals=0),
          Column("login", f"sum by (datname, user, pool_mode) (pgbouncer_pool_login_servers{{{P}}})", decimals=0),
          sort="-waiting", links={"datname": ("pg-database", "datname")}, w=14),
    table("Databases", "Size of the pool for each user, the reserve, and connections against the database's own limit.", ["datname", "host", "port"],
          Column("pool size", f"max by (datname, host, port) (pgbouncer_database_pool_size{{{D}}})", decimals=0),
          Column("reserve", f"max by (datname, host, port) (pgbouncer_database_reserve_pool{{{D}}})", decimals=0),
          Column("connections", f"max by (datname, host, port) (pgbouncer_database_current_connections{{{D}}})", decimals=0),
          Column("limit", f"max by (datname, host, port) (pgbouncer_database_max_connections{{{D}}})", decimals=0),
          sort="-connections", links={"datname": ("pg-database", "datname")}, w=10),
    graph("Pool use", "Server connections by pool_size. A line at 1 is a full pool: look at who holds connections, then at the size.", (USE, "{{datname}} {{user}}"), unit="percentunit", steps=above(POOL)),
    graph("Clients waiting", "When the queue began.", (f"sum by (datname, user) (pgbouncer_pool_waiting_clients{{{P}}})", "{{datname}} {{user}}"), unit="short", stack=True),
    graph("Clients lost in waits", "Clients that wait, on average, counted once they have a connection.", (f"sum by (datname) (rate(pgbouncer_stat_total_wait_time{{{D}}}[R]))", "{{datname}}"), unit="short"),
    graph("Server connections by state", "Login ones that stay: PostgreSQL refuses or is slow. Used ones wait for a check.", (f"sum(pgbouncer_pool_active_servers{{{P}}})", "active"), (f"sum(pgbouncer_pool_idle_servers{{{P}}})", "idle"),
          (f"sum(pgbouncer_pool_used_servers{{{P}}})", "used"), (f"sum(pgbouncer_pool_tested_servers{{{P}}})", "tested"), (f"sum(pgbouncer_pool_login_servers{{{P}}})", "login"), unit="short", stack=True),
    graph("Client connections", "Clients, and how many PgBouncer takes.", ('sum(pgbouncer_list_items{@ins,list="used_clients"})', "clients"), ("max(pgbouncer_setting_max_client_conn{@ins})", "limit"), unit="short"),
    graph("Cancel requests", "Cancel requests of clients that wait or are under way: impatient clients.", (f"sum(pgbouncer_pool_cancel_clients{{{P}}})", "wait"), (f"sum(pgbouncer_pool_active_cancel_clients{{{P}}})", "under way"), unit="short", none="needs PgBouncer 1.16"),
)
page.row(
    "Work",
    graph("Queries and transactions", "Per second.", (f"sum(rate(pgbouncer_stat_total_query_count{{{D}}}[R]))", "queries"), (f"sum(rate(pgbouncer_stat_total_xact_count{{{D}}}[R]))", "transactions"), unit="ops"),
    graph("Time by query and transaction", "Average times.", (share("pgbouncer_stat_total_query_time", "pgbouncer_stat_total_query_count"), "query"), (share("pgbouncer_stat_total_xact_time", "pgbouncer_stat_total_xact_count"), "transaction"), unit="s"),
    graph("Queries by transaction", "Many: a chatty application; each is a round trip during which it holds a connection.", (share("pgbouncer_stat_total_query_count", "pgbouncer_stat_total_xact_count"), "queries"), unit="short"),
    graph("Traffic", "Bytes per second from clients (up) and to them (down).", (f"sum(rate(pgbouncer_stat_total_received{{{D}}}[R]))", "received"), (f"sum(rate(pgbouncer_stat_total_sent{{{D}}}[R]))", "sent"), unit="Bps", down="^sent$"),
    graph("Server assignments", "Times per second that a client was given a server connection.", (f"sum by (datname) (rate(pgbouncer_stat_total_server_assignment_count{{{D}}}[R]))", "{{datname}}"), unit="ops", none="needs PgBouncer 1.23"),
    graph("Prepared statements", "Parses of clients, and those that reached a server: the fewer of the latter, the better the cache works.", (f"sum(rate(pgbouncer_stat_total_client_parse_count{{{D}}}[R]))", "client parses"),
          (f"sum(rate(pgbouncer_stat_total_server_parse_count{{{D}}}[R]))", "server parses"), (f"sum(rate(pgbouncer_stat_total_bind_count{{{D}}}[R]))", "binds"), unit="ops", none="needs PgBouncer 1.24"),
)
