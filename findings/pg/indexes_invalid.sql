-- As collectors/pg/pg_index_waste.sql: those that are being built, rebuilt or dropped are left out. What a failed
-- REINDEX CONCURRENTLY leaves has a suffix; the index that it was made of is valid.
SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) AS index, x.indrelid::regclass::text AS table, x.indisunique AS unique,
       pg_catalog.format(CASE WHEN i.relname ~ '_cc(new|old)[0-9]*$' THEN 'DROP INDEX CONCURRENTLY %I.%I;' ELSE 'REINDEX INDEX CONCURRENTLY %I.%I;' END,
                         n.nspname, i.relname) AS fix
  FROM pg_catalog.pg_index AS x
  JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
  JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace AND @user_schema:n.nspname@
 WHERE NOT x.indisvalid
   AND x.indrelid <> ALL (ARRAY(
     SELECT p.relid FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.datname = pg_catalog.current_database()))
   AND x.indexrelid <> ALL (ARRAY(
     SELECT l.relation FROM pg_catalog.pg_locks AS l
      WHERE l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
        AND l.locktype = 'relation' AND l.granted AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')))
 ORDER BY 1
