"""Backups and archiving: age, recovery window, potential data loss."""

from mappings import STANZA, YES, texts
from page import Page, alerts_firing, alerts_over_time, annotation, pg_wal
from panels import bars, graph, stat
from tables import Column, table
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, BACKUP_AGE, FULL_BACKUP_AGE, above

S = '@cls,stanza=~"$stanza",repo_key=~"$repo"'
Z = '@cls,stanza=~"$stanza"'
ERRORS = texts(_0="green:no errors", _1="red:page checksum errors")
PHASE = texts(_0="blue:initializing", _1="blue:waiting for checkpoint", _2="blue:estimating backup size", _3="blue:streaming database files", _4="orange:waiting for WAL archiving", _5="blue:transferring WAL files")
NEEDS = "No backup found"

page = Page("backup", "Backups, WAL archiving and recoverability.", scope="cluster", tags=["pg-backup"],
            variables=[("stanza", "Stanza", "label_values(pgbackrest_stanza_status{@cls}, stanza)", {"all_value": ".*"}),
                       ("repo", "Repository", "label_values(pgbackrest_repo_status{@cls}, repo_key)", {"all_value": ".*"})],
            annotations=[annotation("Backup completed", "green", f"pgbackrest_backup_stop_timestamp_seconds{{{S}}} * 1000", "{{stanza}} {{backup_name}}", at_value=True)])

page.row(
    None,
    stat("Stanza status", "Worst stanza status as pgBackRest reports it. If not ok, see Current problems.", (f"max(pgbackrest_stanza_status{{{Z}}})", ""), unit="none", maps=STANZA, none=NEEDS),
    stat("Latest backup age", "Age of the latest backup of any type. A nightly backup is a day old before the next one ends; older than 26 hours, the schedule or the last run failed.", (f"max(min by (stanza, repo_key) (pgbackrest_repo_last_backup_age_seconds{{{S}}}))", ""), unit="s", steps=above(BACKUP_AGE), none=NEEDS),
    stat("Latest full backup age", "A long chain of incremental backups makes a restore slow and fragile.", (f'max(min by (stanza, repo_key) (pgbackrest_repo_last_backup_age_seconds{{{S},backup_type="full"}}))', ""), unit="s", steps=above(FULL_BACKUP_AGE), none=NEEDS),
    stat("Recovery window", "Oldest point in time you can restore to (needs gap-free WAL).", (f"min(pgbackrest_recovery_window_seconds{{{S}}})", ""), unit="s", none=NEEDS),
    stat("Missing WAL (archive gap)", "WAL that a restore needs and that the archive does not have. If > 0, no point in time after the gap can be restored until the next backup.",
         (f"max(pgbackrest_wal_archive_gap_bytes{{{S}}})", ""), unit="bytes", steps=ANY_IS_BAD, none="No gap known"),
    alerts_firing(),
    stat("Last WAL archived", "Time since the primary archived a WAL file. It has no color: an idle primary archives nothing, since archive_timeout is 0 by default. WAL files not archived show whether it works.", ("min(time() - pg_archiver_finish_time{@cls} and on (cls, ins) pg_in_recovery{@cls} == 0)", ""), unit="s", none="No WAL archived yet"),
    stat("Archiving failures (range)", "Failed archive_command attempts. The server log has the command's message.", ("sum(increase(pg_archiver_failed_count{@cls}[$__range]))", ""), unit="short", decimals=0, steps=ANY_IS_A_WARNING),
    stat("WAL files not archived", ".ready files. If they grow, the archiver is too slow or fails, and the disk fills.", ("max(pg_archive_status_ready_files{@cls} and on (cls, ins) pg_in_recovery{@cls} == 0)", ""), unit="short", steps=above((16, 256))),
    stat("Running backup / restore", "Whether pgBackRest holds a backup or restore lock.", (f"max(pgbackrest_stanza_backup_lock_status{{{Z}}})", "Backup"), (f"max(pgbackrest_stanza_restore_lock_status{{{Z}}})", "Restore"), unit="none", maps=YES, none=NEEDS),
    stat("Page checksum errors", "Result of page checksum validation in the latest backup. On errors, the data directory is corrupt, too: keep the older backups.", (f"max(pgbackrest_repo_last_backup_error_status{{{S}}})", ""), unit="none", maps=ERRORS, none=NEEDS),
    stat("Exporter status", "Result of the last pgbackrest info. If it failed, the values shown are those of the last successful run.", (f"min(pgbackrest_exporter_status{{{Z}}})", ""), unit="none", maps=texts(_0="red:last run failed", _1="green:last run ok"), link="exporter", none=NEEDS),
)
page.row(
    "Status",
    table("Current problems", "Stanzas and repositories that are not ok, with pgBackRest's message.", ["stanza", "repo_key", "reason", "code", "message"],
          Column(None, f"max by (stanza, repo_key, reason, code, message) (pgbackrest_status_info{{{Z}}})"), sort="Stanza", widths={"stanza": 110, "repo_key": 110, "reason": 150, "code": 60}, none="No problems", h=6, w=12),
    table("Latest backups", "Latest backup by stanza, repository and type.", ["stanza", "repo_key", "backup_type"],
          Column("Age", f"min by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_age_seconds{{{S}}})", "s"),
          Column("Duration", f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_duration_seconds{{{S}}})", "s"),
          Column("Database size", f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_size_bytes{{{S}}})", "bytes"),
          Column("Delta (copied)", f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_delta_bytes{{{S}}})", "bytes"),
          sort="Age", none=NEEDS, h=6, w=12),
    alerts_over_time(),
    table("All backups", "All backups in the repositories.", ["stanza", "repo_key", "backup_type", "backup_name"],
          Column("Completed", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_stop_timestamp_seconds{{{S}}}) * 1000", "dateTimeAsIso"),
          Column("Duration", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_duration_seconds{{{S}}})", "s"),
          Column("Database size", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_size_bytes{{{S}}})", "bytes"),
          Column("Repository size", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_repo_delta_bytes{{{S}}})", "bytes"),
          Column("Databases", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_databases{{{S}}})", decimals=0),
          Column("Errors", f"max by (stanza, repo_key, backup_type, backup_name) (pgbackrest_backup_error_status{{{S}}})", maps=ERRORS),
          sort="-Completed", widths={"stanza": 110, "repo_key": 100, "backup_type": 80, "backup_name": 290}, none=NEEDS, h=9),
)
NOT_DRILLED = "No restore drill: see --drill.every"
page.row(
    "Proof of restore",
    stat("Time to restore (RTO)", "From the start of the restore to the first query, in the last restore drill.", (f"max(pgbackrest_drill_rto_seconds{{{Z}}})", ""), unit="s", none=NOT_DRILLED),
    stat("Data lost by a restore (RPO)", "Age of the newest commit in the archive when the last restore drill ended recovery.", (f"max(pgbackrest_drill_rpo_seconds{{{Z}}})", ""), unit="s", none=NOT_DRILLED),
    stat("Last restore drill", "Result of the last restore drill.", (f"min(pgbackrest_drill_success{{{Z}}})", ""), unit="none", maps=texts(_0="red:failed", _1="green:succeeded"), none=NOT_DRILLED),
    stat("Time since last proof", "Time since the newest restore drill that succeeded, or verification that found no error.",
         (f"time() - max(pgbackrest_drill_last_success_timestamp_seconds{{{Z}}})", "Drill"), (f"time() - min(max by (stanza, repo_key) (pgbackrest_verify_last_clean_timestamp_seconds{{{S}}}))", "Verify"), unit="s", none="Needs --verify.at or --drill.at"),
    stat("Last verification", "Result of the last pgbackrest verify.", (f"min(pgbackrest_verify_clean{{{S}}})", ""), unit="none", maps=texts(_0="red:errors", _1="green:no error"), none="Needs --verify.at"),
    table("Errors of verifications and drills", "What the last verification and the last restore drill found.", ["stanza", "repo_key", "reason", "message"],
          Column(None, f"max by (stanza, repo_key, reason, message) (pgbackrest_verify_error_info{{{S}}} or pgbackrest_drill_error_info{{{Z}}})"), sort="Stanza", widths={"stanza": 110, "repo_key": 110, "reason": 150}, none="No errors", h=6, w=12),
    graph("Time to restore and data lost", "RTO and RPO of restore drills.", (f"max by (stanza) (pgbackrest_drill_rto_seconds{{{Z}}})", "{{stanza}} RTO"), (f"max by (stanza) (pgbackrest_drill_rpo_seconds{{{Z}}})", "{{stanza}} RPO"), unit="s", none=NOT_DRILLED),
)
page.row(
    "Trends",
    bars("Backup / restore progress", "If a bar stands still, check the network to the repository.", (f"pgbackrest_stanza_backup_complete_bytes{{{Z}}} / (pgbackrest_stanza_backup_total_bytes{{{Z}}} > 0)", "Backup {{stanza}}"),
         (f"pgbackrest_stanza_restore_complete_bytes{{{Z}}} / (pgbackrest_stanza_restore_total_bytes{{{Z}}} > 0)", "Restore {{stanza}}"),
         ("pg_backup_sent_bytes{@cls} / (pg_backup_total_bytes{@cls} > 0)", "pg_basebackup {{ins}}"), unit="percentunit", top=1, none="None running"),
    graph("Backup duration", "Duration of the latest backup. If it grows faster than the database, check the network and the repository.", (f"max by (stanza, repo_key, backup_type) (pgbackrest_repo_last_backup_duration_seconds{{{S}}})", "{{stanza}} {{repo_key}} {{backup_type}}"), unit="s", none=NEEDS),
    graph("Backup size", "Database size, bytes copied, and size in the repository. If the database size drops by a third, data was deleted or a database was dropped.",
          (f"max by (backup_type) (pgbackrest_repo_last_backup_size_bytes{{{S}}})", "{{backup_type}} database size"), (f"max by (backup_type) (pgbackrest_repo_last_backup_delta_bytes{{{S}}})", "{{backup_type}} delta (copied)"),
          (f"max by (backup_type) (pgbackrest_repo_last_backup_repo_delta_bytes{{{S}}})", "{{backup_type}} repository size"), unit="bytes", none=NEEDS),
    graph("Databases in latest backup", "If the number drops, a database was dropped or is not backed up any more.", (f"max by (stanza, backup_type) (pgbackrest_backup_last_databases{{{Z}}})", "{{stanza}} {{backup_type}}"), unit="short", none="Needs --backrest.database-count-latest"),
    graph("WAL generated vs. archived", "WAL per second that the primary generates and archives. Archived below generated for long: the archiver does not keep up.", ("sum(rate(pg_lsn{@cls}[R]) and on (cls, ins) pg_in_recovery{@cls} == 0)", "Generated"),
          ("sum(rate(pg_archiver_finish_count{@cls}[R]) * on (cls, ins) group_left () pg_setting_wal_segment_size{@cls})", "Archived"), unit="Bps"),
    graph("WAL files not archived", ".ready files, and the age of the oldest.", ("pg_archive_status_ready_files{@cls} and on (cls, ins) pg_in_recovery{@cls} == 0", "{{ins}} files"), ("pg_archive_status_oldest_ready_age_seconds{@cls} and on (cls, ins) pg_in_recovery{@cls} == 0", "{{ins}} oldest age"), unit="short", right=("oldest age$", "s"), link=("persist", "ins")),
    pg_wal("@cls"),
    graph("Archive lag", "WAL that the server has generated and the repository does not have yet.", (f"pgbackrest_wal_archive_behind_bytes{{{S}}}", "{{stanza}} {{repo_key}}"), unit="bytes", none=NEEDS),
    table("Running base backups (pg_basebackup)", "Usually a standby being rebuilt. If it is waiting for WAL archiving, check archive_command.", ["ins", "pid"], Column("Phase", "max by (ins, pid) (pg_backup_phase{@cls})", maps=PHASE),
          Column("Sent", "max by (ins, pid) (pg_backup_sent_bytes{@cls})", "bytes"), Column("Elapsed", "max by (ins, pid) (pg_backup_elapsed_seconds{@cls})", "s"), sort="Instance", links={"ins": ("replication",)}, none="None running", w=8),
)
