"""Settings of pg_setting_* as rows: the name of a metric as the label `setting`, with a unit that fits.

A table's column has one unit, so that each unit has a table of its own; where all stand together, the unit is part of the name.
"""

import re

from page import ROOT

SIZES = ["shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size", "shared_memory_size", "min_wal_size", "max_wal_size", "wal_keep_size",
         "max_slot_wal_keep_size", "wal_segment_size", "segment_size", "block_size", "wal_block_size"]
TIMES = ["checkpoint_timeout", "deadlock_timeout", "idle_in_transaction_session_timeout", "idle_replication_slot_timeout", "recovery_min_apply_delay"]
SWITCHES = ["autovacuum", "data_checksums", "fsync", "full_page_writes", "hot_standby", "hot_standby_feedback", "track_counts", "track_io_timing",
            "track_wal_io_timing", "wal_log_hints"]
# Numbers that stand for words.
MODES = ["archive_mode", "hugepage_status", "io_method", "synchronous_commit", "wal_level"]
# Not a setting but a count of them.
OTHER = ["pending_restart"]


def _all():
    page = (ROOT / "docs/reference/metrics.md").read_text()
    return sorted(set(re.findall(r"^\| `pg_setting_(\w+)`", page, re.MULTILINE)))


NAMED = [*SIZES, *TIMES, *SWITCHES, *MODES, *OTHER]
if unknown := set(NAMED) - set(_all()):
    raise ValueError(f"settings without a metric: {unknown}")
NUMBERS = [name for name in _all() if name not in NAMED]
MIB = 2**20


def settings(names, shown="$1", who="@cls"):
    """These settings by member and name."""
    chosen = f'{{__name__=~"pg_setting_({"|".join(names)})",{who}}}'
    return f'max by (ins, setting) (label_replace({chosen}, "setting", "{shown}", "__name__", "pg_setting_(.+)"))'


# -1 means no limit and stays.
_sizes = settings(SIZES, "$1 (MiB)")
EVERY = f'(({_sizes} > 0) / {MIB} or {_sizes} or {settings(TIMES, "$1 (s)")} or {settings([*NUMBERS, *SWITCHES, *MODES])})'
# The settings that members have with different values; recovery_min_apply_delay and the like differ on purpose, and are shown all the same.
DIFFERENT = f'count by (setting) (count_values by (setting) ("value", {EVERY})) > 1'
