"""The warning and critical threshold of a value: one constant for a panel's color and its line.

The numbers are those of the alert rules in `alerts/`; each name is that of the alert. Units are the value's own.
"""

CONNECTIONS = (0.80, 0.95)  # client connections per connection available to clients
DATABASE_CONNECTIONS = (0.85, 0.95)
LOAD = (0.8, 1.5)  # average active sessions per CPU core
LONG_TRANSACTION = (1800, 6 * 3600)  # s
IDLE_IN_TRANSACTION = (300, 1800)  # s
LOCK_WAITS = (5, 20)  # sessions
DEADLOCKS = (3, 10)
LOCK_TABLE = (0.5, 0.8)
ROLLBACK = (0.10, 0.25)
XMIN = (10e6, 100e6)  # XIDs
PREPARED = (3600, 6 * 3600)  # s
LAG_BYTES = (256 * 2**20, 4 * 2**30)
LAG_SECONDS = (30, 300)
SLOT_BYTES = (20 * 2**30, 100 * 2**30)
SLOT_SAFE_BYTES = (10 * 2**30, 2 * 2**30)  # less is worse
XID_SHARE = (0.40, 0.75)  # of 2^31
XID_AGE = (0.40 * 2**31, 0.75 * 2**31)
XID_DAYS_LEFT = (14 * 86400, 3 * 86400)  # s; less is worse
DEAD_ROWS = (0.2, 0.5)
BLOAT = (0.5, 0.7)
SEQUENCE = (0.80, 0.95)
ARCHIVE_AGE = (900, 3600)  # s
CHECKPOINT_REQUESTED = (0.5, 0.8)
POOL_WAIT = (1, 10)  # s
POOL = (0.9, 1.0)
CLIENT_LIMIT = (0.85, 0.95)
DCS_AGE = (30, 300)  # s
ETCD_QUOTA = (0.8, 0.95)
ETCD_FSYNC = (0.1, 0.5)  # s
ETCD_COMMIT = (0.25, 1)  # s
PROXY_SESSIONS = (0.8, 0.95)
BACKUP_AGE = (26 * 3600, 50 * 3600)  # s; a nightly backup is a day old before the next one ends
FULL_BACKUP_AGE = (8 * 86400, 15 * 86400)  # s
DISK = (0.80, 0.90)
TIME_TO_FULL = (12 * 3600, 2 * 3600)  # s; less is worse
SCRAPE = (0.5, 0.8)  # of the scrape timeout
BUFFER = (0.5, 0.8)
HIT_RATIO = (0.95, 0.80)  # less is worse
EXPORTER_AGE = (60, 300)  # s


def above(pair):
    """Green, then orange from the first of the pair, red from the second."""
    warning, critical = pair
    return [("green", None), ("orange", warning), ("red", critical)]


def below(pair):
    """Red, then orange from the second of the pair, green from the first."""
    warning, critical = pair
    return [("red", None), ("orange", critical), ("green", warning)]


ANY_IS_BAD = [("green", None), ("red", 1)]
ANY_IS_A_WARNING = [("green", None), ("orange", 1)]
NONE_IS_BAD = [("red", None), ("green", 1)]
PLAIN = [("blue", None)]
