SELECT t.schemaname, t.relname, pg_catalog.pg_table_size(t.relid) AS itself, pg_catalog.pg_indexes_size(t.relid) AS indexes
  FROM pg_catalog.pg_stat_user_tables AS t
 WHERE t.relid NOT IN (
      SELECT coalesce(c.oid, i.indrelid, l.relation)
        FROM pg_catalog.pg_locks AS l
        JOIN pg_catalog.pg_database AS d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
        LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = l.relation
        LEFT JOIN pg_catalog.pg_class AS c ON c.reltoastrelid = coalesce(i.indrelid, l.relation)
       WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
    )
 ORDER BY 3 DESC NULLS LAST
