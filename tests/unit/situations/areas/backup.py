"""Situations of backups."""

from labels import EXTRA, FOUR, OURS, PLAIN, PODS
from promtool import Area
from repositories import DATABASE, DAY, HOUR, MAIN, REPO, hosts
from values import Rise

AREA = Area("backup", "Backups")
WEEKLY = dict(full=3 * DAY, incr=HOUR)
TWO = (PLAIN, OURS)


def situation(name, schemes=(OURS,), every=5):
    """A situation whose exporters look each 5 minutes."""
    return AREA.situation(name, schemes, every, step=5)


s = situation("repository on each host, a week after a failover", FOUR)
old, new = hosts(s, 2)
old.stanza(dict(full=9 * DAY, incr=7 * DAY), window=20 * DAY)
new.stanza(dict(full=2 * DAY, incr=HOUR), window=6 * DAY)
s.expect(90)

s = situation("repository on each host, no backup since a failover", TWO)
old, new = hosts(s, 2)
old.stanza(dict(full=9 * DAY, incr=2 * DAY), window=20 * DAY)
new.stanza({}, status=2)
s.expect(90, "BackupStale critical", "BackupFullStale warning")

s = situation("new stanza seen from three hosts", (PLAIN, OURS, PODS))
for host in hosts(s, 3):
    host.stanza({}, status=2)
s.expect(10).expect(170, "BackupMissing critical")

s = situation("first backup of a new stanza runs")
for host in hosts(s, 1):
    host.stanza({}, status=2, lock=1)
s.expect(170)

s = situation("backup host dead for three days", FOUR, every=30)
for host in hosts(s, 1):
    host.stanza(dict(full=3 * DAY, incr=3 * HOUR)).unreachable(65)
s.expect(180, "ExporterDown warning").expect(22 * 60, "ExporterDown warning")
for hour in (30, 75):
    s.expect(hour * 60, "ExporterDown warning", "BackupUnobserved critical")

s = situation("shared repository on three hosts, no backup for two days", (*FOUR, EXTRA))
for host in hosts(s, 3):
    host.stanza(dict(full=5 * DAY, incr=2 * DAY))
s.expect(10).expect(60, "BackupStale critical")

s = situation("two clusters with a stanza of one name, one without backups", TWO)
one, two = hosts(s, 2)
one.stanza(dict(full=5 * DAY, incr=2 * DAY))
two.stanza(dict(full=5 * DAY, incr=HOUR), system="739{site}001")
s.expect(60, "BackupStale critical")

s = situation("nightly backup 25 hours ago")
for host in hosts(s, 1):
    host.stanza(dict(full=6 * DAY, incr=22 * HOUR))
s.expect(170)

s = situation("full backup takes 4 hours longer than the last one")
for host in hosts(s, 1):
    host.stanza(dict(full=6 * DAY, incr={0: Rise(DAY, 60), 245: Rise(60, 60)}), lock={0: 1, 245: 0})
s.expect(200).expect(290)

s = situation("backup hangs for 30 hours", every=30)
for host in hosts(s, 1):
    host.stanza(dict(full=6 * DAY, incr=DAY), lock=1)
s.expect(600).expect(1200, "BackupRunsLong warning")
s.expect(1740, "BackupRunsLong warning", "BackupStale critical")

s = situation("repository of another host unreadable, seen from three")
for host in hosts(s, 3):
    host.stanza(dict(full=DAY)).forget(65)
    host.set("pgbackrest_exporter_status", {0: 1, 65: 0}, stanza="all-stanzas").unreadable(65, 99)
s.expect(50).expect(150, "BackupRepositoryUnhealthy critical", "BackrestExporterFailing warning 3")

s = situation("second repository unreadable", TWO)
for host in hosts(s, 1):
    host.stanza(WEEKLY).unreadable(35, 4, repository="2")
s.expect(25).expect(90, "BackupRepositoryUnhealthy critical")

s = situation("repositories of different clusters")
for host in hosts(s, 1):
    host.stanza(WEEKLY).set("pgbackrest_stanza_status", 5, **MAIN)
s.expect(60, "BackupStanzaUnhealthy critical")

s = situation("second repository lacks 5 GB of WAL, seen from three hosts", TWO)
for host in hosts(s, 3):
    host.stanza(WEEKLY).stanza(dict(full=3 * DAY), repo="2", behind={0: 0, 35: 5e9})
s.expect(80).expect(150, "BackupRepositoryBehind warning")

s = situation("second repository with weekly backups")
for host in hosts(s, 1):
    host.stanza(WEEKLY).stanza(dict(full=6 * DAY), repo="2")
s.expect(120)

s = situation("second repository without a backup for 20 days")
for host in hosts(s, 1):
    host.stanza(WEEKLY).stanza(dict(full=20 * DAY), repo="2", window=30 * DAY)
s.expect(50).expect(120, "BackupRepositoryBehind warning")

s = situation("second repository has never had a backup")
for host in hosts(s, 1):
    host.stanza(WEEKLY).stanza({}, repo="2", status=2).set("pgbackrest_stanza_status", 4, **MAIN)
s.expect(120, "BackupRepositoryBehind warning")

s = situation("own repository of a demoted primary gets no more WAL")
for host, behind in zip(hosts(s, 2), ({0: 0, 35: 9e9}, 0)):
    host.stanza(WEEKLY, behind=behind).stanza(WEEKLY, repo="2")
s.expect(170)

s = situation("retention leaves 6 hours to restore, seen from two hosts", TWO)
for host in hosts(s, 2):
    host.stanza(dict(full={0: Rise(90000, 60), 60: Rise(60, 60)}))
    host.window({0: Rise(10 * DAY, 60), 60: Rise(6 * HOUR, 60)})
    host.set("pgbackrest_recovery_oldest_timestamp_seconds", {0: -10 * DAY, 60: -5 * HOUR}, **DATABASE)
s.expect(50).expect(180, "BackupRecoveryWindowShort warning")

s = situation("recovery window of a new cluster still grows")
for host in hosts(s, 1):
    host.stanza(dict(full=6 * HOUR), window=6 * HOUR)
s.expect(170)

s = situation("cluster with a goal of 30 days for its recovery window")
for host in hosts(s, 1):
    host.stanza(dict(full={0: Rise(90000, 60), 30: Rise(60, 60)}))
    host.window({0: Rise(40 * DAY, 60), 30: Rise(14 * DAY, 60)})
    host.set("pgbackrest_recovery_oldest_timestamp_seconds", {0: -40 * DAY, 30: -14 * DAY}, **DATABASE)
s.threshold("BackupRecoveryWindowShort", "warning", 30 * DAY)
s.expect(25).expect(170, "BackupRecoveryWindowShort warning")

s = situation("repository not mounted on its only host", TWO, every=30)
for host in hosts(s, 1):
    host.stanza(dict(full=3 * DAY, incr=3 * HOUR)).forget(65)
s.expect(30)
for minute in (120, 29 * 60):
    s.expect(minute, "BackupStanzaAbsent critical")

s = situation("exporter of one of two hosts out of discovery")
away, _ = (host.stanza(WEEKLY) for host in hosts(s, 2))
away.lose_page(65)
away.drop("up")
s.expect(170)

s = situation("stanza upgraded to a new major version", every=30)
for host in hosts(s, 1):
    host.stanza(WEEKLY).forget(65)
    host.set("pgbackrest_stanza_status", 0, **MAIN).set("pgbackrest_stanza_backup_lock_status", 0, **MAIN)
    host.set("pgbackrest_repo_status", 0, cipher="none", **REPO)
    for database, current, system in (("1", "false", "730{site}001"), ("2", "true", "740{site}001")):
        own = dict(database_id=database, current=current, system_id=system, pg_version="18", **REPO)
        host.set("pgbackrest_database_info", {65: 1}, **own)
    for kind in ("full", "incr"):
        own = dict(backup_type=kind, database_id="2", **REPO)
        host.set("pgbackrest_repo_last_backup_age_seconds", {130: Rise(60, 60)}, **own)
        host.set("pgbackrest_repo_last_backup_stop_timestamp_seconds", {130: 7800}, **own)
s.expect(30).expect(120, "BackupMissing critical").expect(240).expect(27 * 60)

s = situation("backup with page errors, seen from three hosts")
for host in hosts(s, 3):
    host.stanza(WEEKLY).set("pgbackrest_repo_last_backup_error_status", 1, backup_type="full", **DATABASE)
s.expect(60, "BackupPageErrors critical")

s = situation("archive of a shared repository is empty")
for host in hosts(s, 3):
    host.stanza(WEEKLY)
    host.set("pgbackrest_wal_archive_status", 0, pg_version="18", wal_min="", wal_max="", **DATABASE)
s.expect(60, "BackupWalArchiveMissing critical")

s = situation("WAL file missing in the archive, seen from two hosts", TWO)
for host in hosts(s, 2):
    host.stanza(WEEKLY).set("pgbackrest_wal_archive_gap_bytes", 2**24, **DATABASE)
s.expect(60, "BackupWalArchiveGap critical")

s = situation("backup of half the size and without one database, after a restore into the wrong server", every=30)
for host in hosts(s, 1):
    host.stanza(dict(full=DAY, incr={0: Rise(HOUR, 60), 1500: Rise(60, 60)}))
    host.set("pgbackrest_repo_last_backup_size_bytes", {0: 50e9, 1500: 20e9}, backup_type="incr", **DATABASE)
    databases = {0: 3, 1500: 2}
    host.set("pgbackrest_backup_last_databases", databases, backup_type="incr", block_incr="n", **MAIN)
s.expect(1470).expect(1560, "BackupShrunk warning", "BackupFewerDatabases warning")

s = situation("backup that takes three times as long as usual", every=30)
for host in hosts(s, 1):
    host.stanza(WEEKLY)
    own = dict(backup_type="incr", **DATABASE)
    host.set("pgbackrest_repo_last_backup_duration_seconds", {0: 900, 600: 2700}, **own)
s.expect(570).expect(660, "BackupSlow info")

s = situation("exporters that verify and drill, all well", FOUR)
for host in hosts(s, 2):
    host.stanza(WEEKLY).verified(HOUR).drilled(DAY)
s.expect(90)

s = situation("exporter that neither verifies nor drills", (PLAIN, OURS))
for host in hosts(s, 1):
    host.stanza(WEEKLY)
s.expect(90)

s = situation("flipped byte in a repository, found by verify", FOUR)
for host in hosts(s, 1):
    host.stanza(WEEKLY).verified(HOUR).invalid(30)
s.expect(30).expect(60, "BackupInvalid critical")

s = situation("verify that has not ended for nine days", TWO)
for host in hosts(s, 1):
    host.stanza(WEEKLY).verified(9 * DAY)
s.expect(90, "BackupNotProven warning")

s = situation("no drill for nine days on one of two hosts, and one yesterday on the other", TWO)
old, new = hosts(s, 2)
old.stanza(WEEKLY).drilled(9 * DAY)
new.stanza(WEEKLY).drilled(DAY)
s.expect(90)

s = situation("drill that fails since a WAL file is missing", FOUR)
for host in hosts(s, 1):
    host.stanza(WEEKLY).drilled(DAY).failed(30)
s.expect(30).expect(60, "BackupDrillFailed critical")

s = situation("drill that takes longer and loses more than the goals", TWO)
for host in hosts(s, 1):
    host.stanza(WEEKLY).drilled(DAY, rto=5 * HOUR, rpo=2 * HOUR)
s.expect(30, "BackupRtoHigh warning", "BackupRpoHigh warning")
