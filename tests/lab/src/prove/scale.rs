//! What the proof scales down, all of it here: the lab shows in seconds what takes hours in an installation.

use std::time::Duration;

use crate::{Condition, Scale};

/// Between two scrapes, and two evaluations of all rules.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// How long the exporters keep a result, in seconds by tier: not long, but beyond the next scrape, since what comes too
/// late for one scrape on a busy machine is shown by the next.
pub(crate) const CACHE_TTLS: &str = "--cache-ttls=1,8,8,8";

/// Every `for`, and the conditions that nobody would wait for: times, windows and sizes. All others hold as they stand.
pub const SCALE: Scale = Scale {
    hold: Duration::from_secs(2),
    conditions: &[
        condition("PostgresIdleInTransaction", "> 300", "> 5"),
        condition("PostgresLongTransaction", "> 1800", "> 5"),
        condition("PostgresLockWaitLong", "> 1800", "> 5"),
        condition("PostgresErrorBurst", "[5m]", "[30s]"),
        condition("PostgresAuthenticationFailures", "[10m]", "[30s]"),
        condition("PostgresCrashed", "[10m]", "[30s]"),
        condition("PostgresOutOfMemory", "[10m]", "[30s]"),
        condition("PostgresPlanSlower", "[10m]", "[30s]"),
        condition("PostgresPlanSlower", "[1h] offset 30m", "[30s] offset 30s"),
        condition("PostgresPlanSlower", "[30m]", "[2m]"),
        condition("PostgresLatencyBurnsFast", "[5m]", "[30s]"),
        recording("PostgresLatencyBurnsFast", "pg:ins:statement_share_5m", "[5m]", "[30s]"),
        recording("PostgresLatencyBurnsFast", "pg:ins:statement_share_1h", "[1h]", "[1m]"),
        condition("PostgresLatencyBurnsSlowly", "[30m]", "[1m]"),
        recording("PostgresLatencyBurnsSlowly", "pg:ins:statement_share_30m", "[30m]", "[1m]"),
        recording("PostgresLatencyBurnsSlowly", "pg:ins:statement_share_6h", "[6h]", "[2m]"),
        condition("PostgresDeadlocks", "[10m]", "[30s]"),
        condition("PostgresSessionsFailing", "[10m]", "[30s]"),
        condition("PostgresSessionsFailing", "pg_uptime < 900", "pg_uptime < 20"),
        condition("PostgresRollbackRatioHigh", "[5m]", "[30s]"),
        // No cluster of the proof comes near the least age that freezes.
        condition("PostgresVacuumFailsafeAge", "1.05 *", "0 *"),
        // Half a million ids are used up, not half of all.
        condition("PostgresXidAge", "> 0.4", "> 0.0001"),
        condition("PostgresXidAge", "1.25 *", "0 *"),
        condition("PostgresXidExhaustionSoon", "> 0.4", "> 0.0001"),
        condition("PostgresXidExhaustionSoon", "1.25 *", "0 *"),
        condition("PostgresXidExhaustionSoon", "[1h]", "[30s]"),
        condition("PostgresMultixactAge", "> 0.4", "> 0.000001"),
        condition("PostgresMultixactAge", "1.25 *", "0 *"),
        condition("PostgresXminHorizonStuck", "> 10000000", "> 100"),
        condition("PostgresPreparedTransactionOld", "> 3600", "> 5"),
        condition("PostgresDeadTuples", "> 1000000", "> 100"),
        condition("PostgresStatisticsStale", "> 1000000", "> 100"),
        condition("PostgresArchiveStalled", "> 900", "> 10"),
        condition("PostgresCheckpointPressure", "[30m]", "[1m]"),
        // The checkpoints of the proof come without the WAL that fills max_wal_size.
        condition("PostgresCheckpointPressure", "> pg_setting_max_wal_size", ">= 0"),
        condition("PostgresBackendFsync", "[5m]", "[30s]"),
        condition("PostgresTempSpill", "[5m]", "[30s]"),
        condition("PostgresRestarted", "< 300", "< 20"),
        condition("PostgresCrashLoop", "[30m]", "[90s]"),
        recording("PostgresCrashLoop", "pg:server:stats_resets30m", "[30m]", "[90s]"),
        condition("PostgresRoleChanged", "[10m]", "[30s]"),
        condition("PostgresChecksumFailure", "[1h]", "[30s]"),
        condition("PostgresChecksumFailure", "< 86400", "< 30"),
        // The whole lab is younger than an hour: each of its servers may have appeared in place of another.
        condition("PostgresMetricsAbsent", "- 3600", "- 10"),
        condition("PostgresReplicaNotStreaming", "[10m]", "[30s]"),
        condition("PostgresReplicationLagBytes", "> 256 * 1024 * 1024", "> 16 * 1024 * 1024"),
        condition("PostgresReplicationLagTime", "[5m]", "[15s]"),
        condition("PostgresReplicationLagTime", "> 30", "> 5"),
        condition("PostgresRecoveryConflicts", "[10m]", "[30s]"),
        condition("PostgresReplicaStale", "> 300", "> 10"),
        condition("PostgresStandbyMissing", "[1d]", "[30s]"),
        condition("PostgresSubscriptionErrors", "[15m]", "[30s]"),
        condition("PostgresSlotRetentionHigh", "> 20 * 1024 * 1024 * 1024", "> 64 * 1024 * 1024"),
        condition("PostgresSlotInactive", "> 1024 * 1024 * 1024", "> 16 * 1024 * 1024"),
        condition("ExporterScrapeErrors", "[10m]", "[30s]"),
        condition("RuleEvaluationFailing", "[10m]", "[30s]"),
        condition("HostFilesystemReadOnly", "offset 30m", "offset 20s"),
        condition("EtcdPeerLatencyHigh", "[5m]", "[1m]"),
        condition("EtcdLeaderChanges", "[15m]", "[1m]"),
        condition("EtcdFragmented", "> 100 * 1024 * 1024", "> 10 * 1024 * 1024"),
        condition("BackupFewerDatabases", "offset 1d", "offset 20s"),
        condition("BackupShrunk", "offset 1d", "offset 20s"),
        condition("BackupNotProven", "> 8 * 86400", "> 10"),
        condition("BackupRtoHigh", "> 4 * 3600", "> 0"),
        condition("BackupRpoHigh", "> 3600", "> 0"),
        condition("BackupSlow", "> 600", "> 10"),
        condition("BackupSlow", "[14d]", "[1m]"),
        condition("BackupUnobserved", "> 26 * 3600", "> 20"),
        condition("BackupRecoveryWindowShort", "+ 3600", "+ 5"),
        condition("BackupRecoveryWindowShort", "< 86400", "< 60"),
        condition("ServiceWriteLost", "[15m]", "[1m]"),
        condition("HaproxyServerFlapping", "[15m])) > 3", "[1m])) > 1"),
        condition("PatroniDcsStale", "> 30", "> 10"),
    ],
};

const fn condition(alert: &'static str, from: &'static str, to: &'static str) -> Condition {
    recording(alert, alert, from, to)
}

/// The same in a recording that the alert reads.
const fn recording(alert: &'static str, rule: &'static str, from: &'static str, to: &'static str) -> Condition {
    Condition { alert, rule, from, to }
}
