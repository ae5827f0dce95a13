"""Settings of a cluster's members: values, changes, differences."""

from mappings import texts
from page import Page, alerts_firing, marks
from panels import graph, stat
from parts import exactly, link_list
from settings import DIFFERENT, EVERY, NUMBERS, SIZES, SWITCHES, TIMES, settings
from tables import Column, table
from thresholds import ANY_IS_A_WARNING

CHANGES = f"changes({EVERY}[$__range:1m])"
WAL_LEVEL = texts(_1="blue:minimal", _2="blue:replica", _3="blue:logical", _0="blue:other")
ARCHIVE = texts(_0="blue:off", _1="blue:on", _2="blue:always")
COMMIT = texts(_0="blue:off", _1="blue:local", _2="blue:remote_write", _3="blue:on", _4="blue:remote_apply")
IO_METHOD = texts(_0="blue:sync", _1="blue:worker", _2="blue:io_uring")
HUGE_PAGES = texts(_0="blue:not in use", _1="blue:in use", minus1="blue:unknown")
NO_LIMIT = texts(minus1="text:no limit")
ON_OFF = texts(_0="text:off", _1="text:on")


def matrix(title, text, query, *, unit, maps=(), none=None, decimals=None, w=12, h=8):
    """A table with a row for each setting and a column for each member."""
    made = table(title, text, ["setting", "ins"], Column("Value", query, unit), none=none, w=w, h=h)
    made["transformations"] = [
        {"id": "groupingToMatrix", "options": {"columnField": "ins", "rowField": "setting", "valueField": "Value", "emptyValue": "null"}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": {}, "renameByName": {"setting\\ins": "Setting"}}},
    ]
    made["fieldConfig"]["defaults"] |= {"unit": unit, "mappings": list(maps), "links": link_list("pg-instance")}
    if decimals is not None:
        made["fieldConfig"]["defaults"]["decimals"] = decimals
    made["fieldConfig"]["overrides"].append(exactly("Setting", [("unit", "string"), ("links", []), ("custom.width", 310)]))
    made["options"]["sortBy"] = [{"displayName": "Setting", "desc": False}]
    return made


page = Page("pg-settings", "Settings of the members of a cluster: values, changes in the selected range, and differences between members.",
            scope="cluster", tags=["pg-cluster"], annotations=marks("@cls"))

page.row(
    None,
    stat("Settings that differ between members", "Settings that members have with different values: after a failover the cluster behaves in another way. See the table of differences.",
         (f"count({DIFFERENT}) or 0 * count(pg_up{{@cls}})", ""), unit="short", w=6, h=3),
    stat("Settings changed (range)", "Settings whose value changed in the selected range. See the table of changes.",
         (f"count({CHANGES} > 0) or 0 * count(pg_up{{@cls}})", ""), unit="short", w=6, h=3),
    stat("Settings pending restart", "Parameters changed in the configuration but not in effect until restart: SELECT name FROM pg_settings WHERE pending_restart.",
         ("sum(pg_setting_pending_restart{@cls})", ""), unit="short", steps=ANY_IS_A_WARNING, w=4, h=3),
    stat("Latest configuration reload", "Time since a member loaded its configuration.", ("min(pg_conf_reload_time{@cls})", ""), unit="s", w=4, h=3),
    alerts_firing(h=3),
)
page.row(
    "Differences and changes",
    matrix("Settings that differ between members", "Make them equal, or a failover changes how the cluster behaves. Sizes are in MiB, times in seconds, switches 0 or 1, -1 means no limit.",
           f"{EVERY} and on (setting) ({DIFFERENT})", unit="none", none="None: all members have the same settings", h=7),
    table("Settings changed in the selected range", "Compare with the graphs of the instance before and after. Sizes are in MiB, times in seconds, switches 0 or 1, -1 means no limit.", ["setting", "ins"],
          Column("Before", f"last_over_time({EVERY}[5m:1m] offset $__range) and {CHANGES} > 0", "none"),
          Column("Now", f"{EVERY} and {CHANGES} > 0", "none"),
          Column("Changes", f"{CHANGES} > 0", decimals=0),
          sort="-Changes", links={"ins": ("pg-instance", "ins")}, none="No setting changed in this time range", w=12, h=7),
)
page.row(
    "Values",
    matrix("Memory and WAL sizes", "Settings that are sizes. A standby needs at least the memory settings of the primary if it shall take over.", settings(SIZES), unit="bytes", maps=NO_LIMIT, h=13),
    matrix("Limits and costs", "Settings that are numbers. max_connections, max_worker_processes, max_wal_senders, max_prepared_transactions and max_locks_per_transaction of a standby must not be below those of the primary.",
           settings(NUMBERS), unit="none", maps=NO_LIMIT, h=13),
    matrix("Switches", "fsync and full_page_writes off: a crash can corrupt data. autovacuum or track_counts off: tables are not vacuumed until wraparound is near.", settings(SWITCHES), unit="none", maps=ON_OFF, h=10),
    matrix("Times", "Settings that are times. 0 means never for timeouts.", settings(TIMES), unit="s", h=6),
    table("Modes", "Settings with words as values.", ["ins"],
          Column("wal_level", "max by (ins) (pg_setting_wal_level{@cls})", maps=WAL_LEVEL),
          Column("archive_mode", "max by (ins) (pg_setting_archive_mode{@cls})", maps=ARCHIVE),
          Column("synchronous_commit", "max by (ins) (pg_setting_synchronous_commit{@cls})", maps=COMMIT),
          Column("io_method", "max by (ins) (pg_setting_io_method{@cls})", maps=IO_METHOD),
          Column("Huge pages", "max by (ins) (pg_setting_hugepage_status{@cls})", maps=HUGE_PAGES),
          sort="Instance", links={"ins": ("pg-instance", "ins")}, w=12, h=4),
)
page.row(
    "History",
    graph("Setting changes", "When a setting changed, and on which member.", (f"changes({EVERY}[$__rate_interval:1m]) > 0", "{{ins}} {{setting}}"),
          unit="short", bars=True, stack=True, least_step="1m", none="No setting changed in this time range", w=12, h=7),
    graph("Settings pending restart", "Parameters changed in the configuration but not in effect until restart.", ("pg_setting_pending_restart{@cls}", "{{ins}}"), unit="short", link=("pg-instance", "ins"), w=12, h=7),
)
