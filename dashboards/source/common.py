"""Queries and tables that several pages share."""

from mappings import texts
from tables import Column, table
from thresholds import DISK, TIME_TO_FULL, above, below

# File systems that hold data: not those in memory, images, or of a container.
FILE_SYSTEMS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nsfs|rootfs"'
NO_NODE = "No node_exporter target with this %s label"

# The synchronous standbys that a commit waits for, those that stream, and the state of both: 0, 1 and 2 of SYNC_STATES.
_PRIMARY = "on (cls, ins) pg_in_recovery{@cls} == 0"
SYNC_REQUIRED = f"max(pg_sync_standby_required{{@cls}} and {_PRIMARY})"
SYNC_STREAMING = f"(count(pg_repl_sync_state{{@cls}} >= 2 unless pg_repl_state{{@cls}} != 0 and {_PRIMARY}) or 0 * {SYNC_REQUIRED})"
SYNC_STATUS = f"({SYNC_REQUIRED} > bool 0) * (1 + ({SYNC_STREAMING} >= bool {SYNC_REQUIRED}))"
SYNC_STATES = texts(_0="blue:not configured", _1="red:commits blocked", _2="green:in sync")

# Standbys without a WAL receiver that streams, but for those that follow the archive on purpose.
NOT_STREAMING = "pg_in_recovery{@cls} == 1 unless on (cls, ins) pg_recv_state{@cls} == 0 unless on (cls, ins) pg_standby_archive_only{@cls} == 1"
# The age of what standbys have replayed, beyond the delay that is configured.
LATE_BY = "clamp_min(pg_lag{@cls} - pg_standby_min_apply_delay_seconds{@cls} or pg_lag{@cls}, 0)"


def version(who, *labels):
    """The version as 18.6: packagers write theirs behind it."""
    return f'max by ({", ".join(labels)}, version) (label_replace(pg_meta_info{{{who}}}, "version", "$1", "version", "([^ ]+).*"))'


def texts_of(who):
    """The text of each query, to be joined on the label query; queries without a known text have none."""
    known = f'max by (query, text) (topk by (query) (1, pg_query_info{{{who}}}))'
    return f'({known} or on (query) group by (query) (pg_query_calls{{{who},query!="other"}}))'


def disks(who, key, label, *, links=None, w=24, h=7):
    """File systems with their usage, and when they are full at the rate of the last hours. That of minutes would be noise."""
    free, size = (f"node_filesystem_{name}_bytes{{{who},{FILE_SYSTEMS}}}" for name in ("avail", "size"))
    keys = [key, "mountpoint", "device"] if key else ["mountpoint", "device"]
    by = f"by ({', '.join(keys)})"
    growth = f"(deriv({free}[6h]) < 0 and {free} offset 1h)"
    return table("Disks", "A full disk stops PostgreSQL. Time to full: at the rate at which free space shrank in the last 6 hours. Look for WAL that a slot or the archiver retains, temporary files, or a growing table.",
                 keys,
                 Column("Used %", f"1 - min {by} ({free} / {size})", "percentunit", above(DISK), decimals=0),
                 Column("Free", f"min {by} ({free})", "bytes"),
                 Column("Size", f"max {by} ({size})", "bytes"),
                 Column("Growth per day", f"max {by} (0 - {growth}) * 86400", "bytes"),
                 Column("Time to full", f"min {by} ({free} / (0 - {growth}))", "s", below(TIME_TO_FULL)),
                 sort="-Used %", links=links, widths={"mountpoint": 190}, none=NO_NODE % label, w=w, h=h)
