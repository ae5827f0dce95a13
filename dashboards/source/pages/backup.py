"""Backups and the archive: how far back, how much would be lost, does it run."""

from page import Page, alerts_firing, alerts_over_time, annotation
from panels import Column, STANZA, YES, bars, graph, stat, table, texts
from thresholds import ANY_IS_BAD, ARCHIVE_AGE, BACKUP_AGE, FULL_BACKUP_AGE, above

S = '@cls,stanza=~"$stanza",repo_key=~"$repo"'
Z = '@cls,stanza=~"$stanza"'
ERROR = texts(_0="green:none", _1="red:damaged pages")
PHASE = texts(_0="blue:begins", _1="blue:checkpoint", _2="blue:estimates", _3="blue:streams files", _4="orange:waits for the archive", _5="blue:streams WAL")
NEEDS = "no backup known"

page = Page("pg-backup", "PostgreSQL backup", "Backups, the WAL archive, and what could be restored.", scope="cluster", tags=["pg-backup"],
            variables=[("stanza", "Stanza", "label_values(pgbackrest_stanza_status{@cls}, stanza)", {"all_value": ".*"}),
                       ("repo", "Repository", "label_values(pgbackrest_repo_status{@cls}, repo_key)", {"all_value": ".*"})],
            annotations=[annotation("Backup ended", "green", f"pgbackrest_backup_stop_timestamp_seconds{{{S}}} * 1000", "{{stanza}} {{backup_name}}", at_value=True)])

page.row(
    None,
    stat("Stanza", "pgBackRest's own verdict. Anything but ok: read the message in the table below.", (f"max(pgbackrest_stanza_status{{{Z}}})", ""), unit="none", maps=STANZA, none=NEEDS),
    stat("Since the last backup", "Age of the newest backup of any type. Older than a day: the schedule or the last run failed.", (f"max(min by (stanza, repo_key) (pgbackrest_repo_last_backup_age_seconds{{{S}}}))", ""), unit="s", steps=above(BACKUP_AGE), none=NEEDS),
    stat("Since the last full backup", "Age of the newest full backup: a long chain of others makes a restore slow and fragile.", (f'max(min by (stanza, repo_key) (pgbackrest_repo_last_backup_age_seconds{{{S},backup_type="full"}}))', ""), unit="s", steps=above(FULL_BACKUP_AGE), none=NEEDS),
    stat("Recovery window", "How far back a restore can go: from the oldest backup on.", (f"min(pgbackrest_recovery_window_seconds{{{S}}})", ""), unit="s", none=NEEDS),
    stat("WAL missing in the archive", "Bytes of WAL that a restore would need and that the archive lacks. Any: no point in time after the gap can be restored until the next backup.",
         (f"max(pgbackrest_wal_archive_gap_bytes{{{S}}})", ""), unit="bytes", steps=ANY_IS_BAD, none="none known"),
    alerts_firing(),
    stat("Since the last WAL archived", "Time since the primary archived a file.", ("min(time() - pg_archiver_finish_time{@cls} and on (cls, ins) pg_in_recovery == 0)", ""), unit="s", steps=above(ARCHIVE_AGE), none="nothing archived"),
    stat("Archive failures in the range", "Failed attempts to archive in the shown time range. The server's log has the command's message.", ("sum(increase(pg_archiver_failed_count{@cls}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_BAD),
    stat("Files that wait for the archive", "WAL files ready and not yet archived. Growing: the archiver does not keep up or fails, and the disk fills.", ("max(pg_archive_status_ready_files{@cls} and on (cls, ins) pg_in_recovery == 0)", ""), unit="short", steps=above((16, 256))),
    stat("Running now", "Whether a backup or a restore runs.", (f"max(pgbackrest_stanza_backup_lock_status{{{Z}}})", "backup"), (f"max(pgbackrest_stanza_restore_lock_status{{{Z}}})", "restore"), unit="none", maps=YES, none=NEEDS),
    stat("Last backup is sound", "Whether the newest backups found damaged pages. Damaged: the server's disk is, too; keep the older backups.", (f"max(pgbackrest_repo_last_backup_error_status{{{S}}})", ""), unit="none", maps=ERROR, none=NEEDS),
    stat("Exporter", "Whether the last run of pgbackrest info succeeded for all repositories. If not, what is shown here is of the last good run.", (f"min(pgbackrest_exporter_status{{{Z}}})", ""), unit="none", maps=texts(_0="red:fails", _1="green:ok"), link="pg-exporter", none=NEEDS),
)
page.row(
    "State",
    table("What is wrong", "Stanzas and repositories that are not ok, in pgBackRest's words.", ["stanza", "repo_key", "reason", "code", "message"],
          Column("not ok", f"max by (stanza, repo_key, reason, code, message) (pgbackrest_status_info{{{Z}}})", decimals=0, steps=ANY_IS_BAD), sort="stanza", none="all is well", h=6, w=12),
    table("Newest backups", "By stanza, repository and type.", ["stanza", "repo_key", "backup_type"],
          Column("age", f"min by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_age_seconds{{{S}}})", "s"),
          Column("duration", f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_duration_seconds{{{S}}})", "s"),
          Column("database", f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_size_bytes{{{S}}})", "bytes"),
          Column("copied", f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_delta_bytes{{{S}}})", "bytes"),
          sort="age", none=NEEDS, h=6, w=12),
    alerts_over_time(),
    table("Backups", "All that the repositories hold.", ["stanza", "repo_key", "backup_type", "backup_name"],
          Column("ended", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_stop_timestamp_seconds{{{S}}}) * 1000", "dateTimeAsIso"),
          Column("duration", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_duration_seconds{{{S}}})", "s"),
          Column("database", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_size_bytes{{{S}}})", "bytes"),
          Column("in the repository", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_repo_delta_bytes{{{S}}})", "bytes"),
          Column("databases", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_databases{{{S}}})", decimals=0),
          Column("errors", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_error_status{{{S}}})", maps=ERROR),
          sort="-ended", none=NEEDS, h=9),
)
page.row(
    "Course",
    bars("Progress", "How far a running backup or restore is. A bar that stands still: look at the network to the repository.", (f"pgbackrest_stanza_backup_complete_bytes{{{Z}}} / (pgbackrest_stanza_backup_total_bytes{{{Z}}} > 0)", "backup {{stanza}}"),
         (f"pgbackrest_stanza_restore_complete_bytes{{{Z}}} / (pgbackrest_stanza_restore_total_bytes{{{Z}}} > 0)", "restore {{stanza}}"),
         ("pg_backup_sent_bytes{@cls} / (pg_backup_total_bytes{@cls} > 0)", "base backup of {{ins}}"), unit="percentunit", top=1, none="none runs"),
    graph("Duration by type", "Time that the newest backup took. Growth faster than the database's: the network or the repository.", (f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_duration_seconds{{{S}}})", "{{stanza}} {{repo_key}} {{backup_type}}"), unit="s", none=NEEDS),
    graph("Size", "Bytes of the database, what was copied, and what it takes in the repository. A database that shrank by a third: was something dropped?",
          (f"max by (backup_type) (pgbackrest_repo_last_backup_size_bytes{{{S}}})", "{{backup_type}} database"), (f"max by (backup_type) (pgbackrest_repo_last_backup_delta_bytes{{{S}}})", "{{backup_type}} copied"),
          (f"max by (backup_type) (pgbackrest_repo_last_backup_repo_delta_bytes{{{S}}})", "{{backup_type}} in the repository"), unit="bytes", none=NEEDS),
    graph("Databases in the newest backup", "One that disappears was dropped, or is not backed up any more.", (f"max by (stanza, backup_type) (pgbackrest_backup_last_databases{{{Z}}})", "{{stanza}} {{backup_type}}"), unit="short", none="needs --backrest.database-count-latest"),
    graph("WAL made and archived", "Bytes per second made by the primary, and archived. Archived below made for long: the archiver does not keep up.", ("sum(rate(pg_lsn{@cls}[R]) and on (cls, ins) pg_in_recovery == 0)", "made"),
          ("sum(rate(pg_archiver_finish_count{@cls}[R]) * on (cls, ins) group_left () pg_setting_wal_segment_size)", "archived"), unit="Bps"),
    graph("Files that wait for the archive", "WAL files ready and not yet archived, and the age of the oldest.", ("pg_archive_status_ready_files{@cls}", "{{ins}} files"), ("pg_archive_status_oldest_ready_age_seconds{@cls}", "{{ins}} oldest"), unit="short", right=("oldest$", "s")),
    graph("WAL directory", "Bytes of WAL on disk by what they are for.", ("sum by (ins, state) (pg_wal_dir_bytes{@cls})", "{{ins}} {{state}}"), unit="bytes", stack=True),
    graph("Archive is behind", "Bytes of WAL that a server has made and the archive lacks.", (f"pgbackrest_wal_archive_behind_bytes{{{S}}}", "{{stanza}} {{repo_key}}"), unit="bytes", none=NEEDS),
    table("Base backups that run", "What rebuilds a standby. Waits for the archive: archiving fails.", ["ins", "pid"], Column("phase", "max by (ins, pid) (pg_backup_phase{@cls})", maps=PHASE),
          Column("sent", "max by (ins, pid) (pg_backup_sent_bytes{@cls})", "bytes"), Column("since", "max by (ins, pid) (pg_backup_elapsed_seconds{@cls})", "s"), sort="ins", none="none runs", w=8),
)
