//! The arguments of `pgbackrest restore` and of the `restore_command`.

use std::ffi::OsString;

use crate::drill::choose::ChosenBackup;
use crate::drill::scratch::Scratch;
use crate::settings::Settings;

/// The arguments of the restore. Nothing outside of the folder is written: options of the configuration that map links and
/// tablespaces elsewhere, or that name another host, are reset.
pub(crate) fn arguments(settings: &Settings, backup: &ChosenBackup, scratch: &Scratch) -> Vec<OsString> {
    let fixed = [
        "restore",
        "--log-level-console=error",
        "--log-level-stderr=error",
        "--log-level-file=off",
        "--type=default",
        "--archive-mode=off",
        "--no-delta",
        "--no-link-all",
        "--reset-link-map",
        "--reset-tablespace-map",
        "--reset-recovery-option",
        "--reset-db-include",
        "--reset-pg1-host",
    ];
    let own = [
        with_path("--tablespace-map-all=", scratch, "tablespaces"),
        format!("--set={}", backup.label).into(),
        format!("--process-max={}", settings.drill.process_max).into(),
    ];
    fixed.into_iter().map(OsString::from).chain(own).chain(shared(settings, backup, scratch)).collect()
}

/// What every run in a drill is told.
fn shared(settings: &Settings, backup: &ChosenBackup, scratch: &Scratch) -> Vec<OsString> {
    let repository = (backup.repo_key > 0).then(|| format!("--repo={}", backup.repo_key).into());
    let own = [
        format!("--stanza={}", backup.stanza).into(),
        with_path("--pg1-path=", scratch, "data"),
        // Locks of production are not touched, and not waited for.
        with_path("--lock-path=", scratch, "lock"),
    ];
    settings.config.iter().cloned().chain(own).chain(repository).collect()
}

fn with_path(option: &str, scratch: &Scratch, name: &str) -> OsString {
    let mut text = OsString::from(option);
    text.push(scratch.path(name));
    text
}

/// The `restore_command`, for a shell.
pub(crate) fn restore_command(settings: &Settings, backup: &ChosenBackup, scratch: &Scratch) -> String {
    let fixed = ["--log-level-console=off", "--log-level-stderr=error", "--log-level-file=off", "--no-archive-async"];
    let program = settings.program.path.clone().into_os_string();
    let words = [program].into_iter().chain(fixed.map(OsString::from)).chain(shared(settings, backup, scratch));
    // PostgreSQL replaces %f and %p, and %% by %.
    let quoted = words.map(|word| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''").replace('%', "%%")));
    quoted.collect::<Vec<_>>().join(" ") + " archive-get %f \"%p\""
}
