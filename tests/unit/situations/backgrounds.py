"""What the exporter of a healthy PostgreSQL server shows further, by subject."""

from values import Rise

APP = dict(datname="app")
ORDERS = dict(datname="app", relname="public.orders")
GIB = 2**30


def sessions(server):
    """Connections, transactions, locks and their limits."""
    server.set("pg_connection_used_ratio", 0.3)
    server.set("pg_db_numbackends", 20, **APP).set("pg_db_conn_limit", -1, **APP)
    for state, transaction, statement in (("active", 2, 2), ("idle in transaction", 1, 1), ("idle", 0, 40000)):
        server.set("pg_activity_max_tx_duration", transaction, state=state, **APP)
        server.set("pg_activity_max_duration", statement, state=state, **APP)
    server.set("pg_blocking_blocked_sessions", 0, **APP)
    server.set("pg_lock_count", 60, mode="AccessShareLock", **APP).set("pg_lock_table_entries", 20)
    server.set("pg_setting_max_locks_per_transaction", 64)
    server.set("pg_setting_max_connections", 100).set("pg_setting_max_prepared_transactions", 0)
    server.set("pg_db_deadlocks", 7, **APP)
    server.set("pg_db_xact_rollback", Rise(0, 60), **APP).set("pg_db_xact_total", Rise(0, 6000), **APP)
    server.set("pg_db_sessions_fatal", 3, **APP).set("pg_db_sessions_killed", 3, **APP)


def objects(server):
    """Transaction ids, tables, sequences and indexes."""
    server.set("pg_xmin_age_xids", 100, holder="backend", **APP)
    server.set("pg_db_age", 50_000_000, **APP).set("pg_db_mxid_age", 1_000_000, **APP)
    server.set("pg_setting_autovacuum", 1)
    server.set("pg_setting_autovacuum_freeze_max_age", 200_000_000)
    server.set("pg_setting_autovacuum_multixact_freeze_max_age", 400_000_000)
    for kind in ("vacuum", "vacuum_multixact"):
        server.set(f"pg_setting_{kind}_failsafe_age", 1_600_000_000)
    if not server.standby:
        server.set("pg_prepared_transactions", 0, **APP)
    # A standby has no statistics of its own about changes of rows.
    counted = 0 if server.standby else 1
    server.set("pg_table_n_live_tup", counted * 5_000_000, **ORDERS).set("pg_table_n_dead_tup", counted * 20_000, **ORDERS)
    server.set("pg_table_n_mod_since_analyze", counted * 10_000, **ORDERS)
    server.set("pg_table_bloat_ratio", 0.1, **ORDERS).set("pg_table_bloat_size", 9e9, **ORDERS)
    server.set("pg_seq_used_max_ratio", 0.2, **APP).set("pg_seq_used_unreadable", 0, **APP)
    server.set("pg_index_waste_invalid", 0, **APP)
    server.set("pg_defpart_tuples", 0, datname="app", relname="public.orders_default")


def wal(server):
    """Archiving, checkpoints, and the directory of WAL."""
    server.set("pg_setting_archive_mode", 1).set("pg_archiver_failed_count", 0)
    server.set("pg_archiver_finish_count", Rise(100, 1)).set("pg_archiver_finish_time", Rise(0, 60))
    server.set("pg_checkpointer_req", 5).set("pg_checkpointer_timed", Rise(0, 0.2))
    server.set("pg_setting_max_wal_size", GIB).set("pg_setting_wal_keep_size", 0)
    for state, size in (("kept", 2**24), ("recovery", GIB // 2), ("spare", GIB // 2)):
        server.set("pg_wal_dir_bytes", size, state=state)
    server.set("pg_io_fsyncs", Rise(0, 6), type="client backend", object="relation", context="normal")
    server.set("pg_db_temp_bytes", Rise(0, 1_000_000), **APP)


def exporter(server):
    """How the exporter itself does."""
    server.set("pg_exporter_collector_success", 1, datname="app", collector="pg_table")
    server.set("pg_exporter_scrape_error_count", 0).set("scrape_duration_seconds", 0.05)
    for file in ("config", "web_config"):
        server.set(f"pg_exporter_{file}_last_reload_successful", 1)
    return server.set("pg_exporter_dropped_samples_total", 0, collector="pg_table", reason="cap")
