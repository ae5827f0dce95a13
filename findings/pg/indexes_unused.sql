-- Statistics begin when they are reset, and after a crash. Where no reset is known, they are as old as the server's run at least.
SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) AS index, x.indrelid::regclass::text AS table, b.size_bytes,
       extract(epoch FROM pg_catalog.now() - s.since)::float8 AS unused_for_seconds,
       pg_catalog.format('DROP INDEX CONCURRENTLY %I.%I;', n.nspname, i.relname) AS fix
  FROM pg_catalog.pg_index AS x
  JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i' AND NOT i.relispartition
  JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace AND @user_schema:n.nspname@
 CROSS JOIN (
   SELECT coalesce(d.stats_reset, pg_catalog.pg_postmaster_start_time()) AS since
     FROM pg_catalog.pg_stat_database AS d WHERE d.datname = pg_catalog.current_database()
 ) AS s
 CROSS JOIN LATERAL (SELECT greatest(i.relpages, 0) * pg_catalog.current_setting('block_size')::bigint AS size_bytes) AS b
 WHERE x.indisvalid AND x.indrelid >= 12000 AND NOT (x.indisunique OR x.indisexclusion OR x.indisreplident)
   AND pg_catalog.pg_stat_get_numscans(x.indexrelid) = 0
   AND b.size_bytes >= @bytes@ AND s.since <= pg_catalog.now() - @seconds@ * interval '1 second'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conindid = x.indexrelid)
 ORDER BY b.size_bytes DESC, x.indexrelid
