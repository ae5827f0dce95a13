SELECT n.nspname, c.relname, s.itself, s.indexes, s.toast
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND @user_schema:n.nspname@
  CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_relation_size(c.oid, 'main') + pg_catalog.pg_relation_size(c.oid, 'fsm')
             + pg_catalog.pg_relation_size(c.oid, 'vm') + pg_catalog.pg_relation_size(c.oid, 'init') AS itself,
           pg_catalog.pg_indexes_size(c.oid) AS indexes,
           CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_catalog.pg_total_relation_size(c.reltoastrelid) END AS toast
  ) AS s
 WHERE c.relkind IN ('r', 'm')
   AND c.oid NOT IN (
      SELECT coalesce(t.oid, i.indrelid, l.relation)
        FROM pg_catalog.pg_locks AS l
        JOIN pg_catalog.pg_database AS d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
        LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = l.relation
        LEFT JOIN pg_catalog.pg_class AS t ON t.reltoastrelid = coalesce(i.indrelid, l.relation)
       WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
    )
 ORDER BY s.itself + s.indexes + s.toast DESC NULLS LAST
