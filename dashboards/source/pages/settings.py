"""Settings of a cluster's members: values, changes, differences."""

from mappings import texts
from page import Page, alerts_firing, marks, unlabelled
from panels import graph, stat
from parts import exactly
from settings import DIFFERENT, EVERY, NUMBERS, SIZES, SWITCHES, TIMES, settings
from tables import Column, table
from thresholds import ANY_IS_A_WARNING

CHANGES = f"changes({EVERY}[$__range:1m])"
WAL_LEVEL = texts(_1="transparent:minimal", _2="transparent:replica", _3="transparent:logical", _0="transparent:other")
ARCHIVE = texts(_0="transparent:off", _1="transparent:on", _2="transparent:always")
COMMIT = texts(_0="transparent:off", _1="transparent:local", _2="transparent:remote_write", _3="transparent:on", _4="transparent:remote_apply")
IO_METHOD = texts(_0="transparent:sync", _1="transparent:worker", _2="transparent:io_uring")
HUGE_PAGES = texts(_0="transparent:not in use", _1="transparent:in use", minus1="transparent:unknown")
NO_LIMIT = texts(minus1="text:no limit")
ON_OFF = texts(_0="text:off", _1="text:on")


def matrix(title, text, query, *, unit, maps=(), none=None, decimals=None, width=275, w=12, h=8):
    """A table with a row for each setting and a column for each member; `width` is that of the names."""
    made = table(title, text, ["setting", "ins"], Column("Value", query, unit), none=none, w=w, h=h)
    made["transformations"] = [
        {"id": "groupingToMatrix", "options": {"columnField": "ins", "rowField": "setting", "valueField": "Value", "emptyValue": "null"}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": {}, "renameByName": {"setting\\ins": "Setting"}}},
    ]
    made["fieldConfig"]["defaults"] |= {"unit": unit, "mappings": list(maps)}
    # Three members have room.
    made["fieldConfig"]["defaults"]["custom"]["minWidth"] = 78
    if decimals is not None:
        made["fieldConfig"]["defaults"]["decimals"] = decimals
    made["fieldConfig"]["overrides"].append(exactly("Setting", [("unit", "string"), ("custom.width", width)]))
    made["options"]["sortBy"] = [{"displayName": "Setting", "desc": False}]
    return made


page = Page("settings", "Settings of the members of a cluster: values, changes in the selected range, and differences between members.",
            scope="cluster", tags=["pg-cluster"], annotations=marks("@cls"))

page.row(
    None,
    stat("Settings that differ between members", "Settings that members have with different values: after a failover the cluster behaves in another way. See the table of differences.",
         (f"count({DIFFERENT}) or 0 * count(pg_up{{@cls}})", ""), unit="short", w=5, h=3),
    stat("Settings changed (range)", "Settings whose value changed in the selected range. See the table of changes.",
         (f"count({CHANGES} > 0) or 0 * count(pg_up{{@cls}})", ""), unit="short", w=5, h=3),
    stat("Settings pending restart", "Parameters changed in the configuration but not in effect until restart: SELECT name FROM pg_settings WHERE pending_restart.",
         ("sum(pg_setting_pending_restart{@cls})", ""), unit="short", steps=ANY_IS_A_WARNING, w=4, h=3),
    stat("Latest configuration reload", "Time since a member loaded its configuration.", ("min(pg_conf_reload_time{@cls})", ""), unit="s", w=4, h=3),
    alerts_firing(w=3, h=3),
    unlabelled(page.targets, h=3, w=3),
)
page.row(
    "Differences and changes",
    matrix("Settings that differ between members", "Make them equal, or a failover changes how the cluster behaves. Sizes are in MiB, times in seconds, switches 0 or 1, -1 means no limit.",
           f"{EVERY} and on (setting) ({DIFFERENT})", unit="none", none="None: all members have the same settings", h=7),
    table("Settings changed in the selected range", "Compare with the graphs of the instance before and after. Sizes are in MiB, times in seconds, switches 0 or 1, -1 means no limit.", ["setting", "ins"],
          Column("Before", f"last_over_time({EVERY}[5m:1m] offset $__range) and {CHANGES} > 0", "none"),
          Column("Now", f"{EVERY} and {CHANGES} > 0", "none"),
          Column("Changes", f"{CHANGES} > 0", decimals=0),
          sort="-Changes", links={"ins": ("instance", "ins")}, none="No setting changed in this time range", w=12, h=7),
)
page.row(
    "Values",
    matrix("Memory and WAL sizes", "Settings that are sizes. A standby that shall take over needs those of the primary.", settings(SIZES), unit="bytes", maps=NO_LIMIT, width=180, w=7, h=15),
    matrix("Limits and costs", "Settings that are numbers. max_connections, max_worker_processes, max_wal_senders, max_prepared_transactions and max_locks_per_transaction of a standby must not be below those of the primary.",
           settings(NUMBERS), unit="none", maps=NO_LIMIT, w=10, h=15),
    matrix("Switches", "fsync and full_page_writes off: a crash can corrupt data. autovacuum or track_counts off: tables are not vacuumed until wraparound is near.", settings(SWITCHES), unit="none", maps=ON_OFF, width=180, w=7, h=15),
    matrix("Times", "Settings that are times. 0 means never for timeouts.", settings(TIMES), unit="s", w=10, h=7),
    table("Modes", "Settings with words as values.", ["ins"],
          Column("wal_level", "max by (ins) (pg_setting_wal_level{@cls})", maps=WAL_LEVEL),
          Column("archive_mode", "max by (ins) (pg_setting_archive_mode{@cls})", maps=ARCHIVE),
          Column("synchronous_commit", "max by (ins) (pg_setting_synchronous_commit{@cls})", maps=COMMIT),
          Column("io_method", "max by (ins) (pg_setting_io_method{@cls})", maps=IO_METHOD),
          Column("Huge pages", "max by (ins) (pg_setting_hugepage_status{@cls})", maps=HUGE_PAGES),
          sort="Instance", links={"ins": ("instance", "ins")}, w=14, h=7),
)
page.row(
    "History",
    graph("Setting changes", "When a setting changed, and on which member.", (f"changes({EVERY}[$__rate_interval:15s]) > 0", "{{ins}} {{setting}}"),
          unit="short", bars=True, stack=True, least_step="1m", none="No setting changed in this time range", w=12, h=7),
    graph("Settings pending restart", "Parameters changed in the configuration but not in effect until restart.", ("pg_setting_pending_restart{@cls}", "{{ins}}"), unit="short", link=("instance", "ins"), w=12, h=7),
)
