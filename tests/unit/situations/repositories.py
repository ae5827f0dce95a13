"""pgBackRest's repositories as the exporters of some hosts show them."""

from targets import Target
from values import Rise, changed

HOUR = 3600
DAY = 24 * HOUR
MAIN = dict(stanza="main")
REPO = dict(stanza="main", repo_key="1")
DATABASE = dict(stanza="main", repo_key="1", database_id="1")
SYSTEM = "730{site}001"


class Host(Target):
    """A host with an exporter that reads one stanza in the repositories that the host sees."""

    def __init__(self, number):
        super().__init__("pgbackrest", number)
        self.set("pgbackrest_exporter_status", 1, stanza="all-stanzas")

    def stanza(self, ages, repo="1", system=SYSTEM, status=0, lock=0, window=9 * DAY, behind=0):
        """Shows the stanza in one repository. `ages`: seconds since the last backup of each kind, at minute 0."""
        info = dict(repo_key=repo, database_id="1", **MAIN)
        archive = dict(pg_version="18", wal_min="", wal_max="", **info)
        self.set("pgbackrest_stanza_status", status, **MAIN).set("pgbackrest_stanza_backup_lock_status", lock, **MAIN)
        self.set("pgbackrest_repo_status", status, repo_key=repo, cipher="none", **MAIN)
        self.set("pgbackrest_database_info", 1, pg_version="18", system_id=system, current="true", **info)
        self.set("pgbackrest_wal_archive_status", int(bool(ages)), **archive)
        if ages:
            self.set("pgbackrest_wal_archive_gap_bytes", 0, **info)
            self.set("pgbackrest_wal_archive_behind_bytes", behind, **info)
            self.window(window, repo)
        for kind, age in ages.items():
            self.backup(kind, age, info)
        return self

    def window(self, seconds, repo="1"):
        """Shows the time to which the server can be restored: its length, or what becomes of it."""
        info = dict(repo_key=repo, database_id="1", **MAIN)
        fixed = isinstance(seconds, int)
        self.set("pgbackrest_recovery_window_seconds", Rise(seconds, 60) if fixed else seconds, **info)
        self.set("pgbackrest_recovery_oldest_timestamp_seconds", -seconds if fixed else 0, **info)

    def backup(self, kind, age, info):
        """Shows the last backup of a kind."""
        own = dict(backup_type=kind, **info)
        if isinstance(age, int):
            self.set("pgbackrest_repo_last_backup_stop_timestamp_seconds", -age, **own)
            age = Rise(age, 60)
        self.set("pgbackrest_repo_last_backup_age_seconds", age, **own)
        self.set("pgbackrest_repo_last_backup_size_bytes", 50e9, **own)
        self.set("pgbackrest_repo_last_backup_duration_seconds", 900, **own)
        self.set("pgbackrest_repo_last_backup_error_status", 0, **own)

    def unreadable(self, minute, status, repository="1"):
        """The repository cannot be read from a minute on; pgBackRest has this status for the stanza."""
        self.set("pgbackrest_stanza_status", {0: 0, minute: status}, **MAIN)
        return self.set("pgbackrest_repo_status", {0: 0, minute: 99}, repo_key=repository, cipher="none", **MAIN)

    def verified(self, age, repo="1"):
        """Shows a verification without an error that began so many seconds before minute 0."""
        return self.set("pgbackrest_verify_proven_timestamp_seconds", -age, repo_key=repo, **MAIN)

    def invalid(self, minute, repo="1"):
        """Shows from a minute on that the last verification found an error."""
        return self.set("pgbackrest_verify_error_info", {0: None, minute: 1}, repo_key=repo, reason="invalid", message="backup a: invalid", **MAIN)

    def drilled(self, age, rto=600, rpo=60):
        """Shows a drill that succeeded so many seconds before minute 0."""
        self.set("pgbackrest_drill_proven_timestamp_seconds", -age, **MAIN)
        return self.set("pgbackrest_drill_rto_seconds", rto, **MAIN).set("pgbackrest_drill_rpo_seconds", rpo, **MAIN)

    def failed(self, minute):
        """Shows from a minute on that the last drill failed."""
        return self.set("pgbackrest_drill_error_info", {0: None, minute: 1}, reason="wal_missing", message="recovery ended", **MAIN)

    def forget(self, minute):
        """Shows nothing of the stanza from a minute on: the configuration or the repository is away."""
        for key in self.select("pgbackrest_"):
            if key[0] != "pgbackrest_exporter_status":
                self.series[key] = changed(self.series[key], minute, None)
        return self


def hosts(situation, count):
    """Hosts with an exporter each."""
    found = [Host(number) for number in range(1, count + 1)]
    situation.add(*found)
    return found
