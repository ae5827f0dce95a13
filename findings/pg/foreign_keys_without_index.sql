-- An index serves if its first columns are those of the key, in any order, and it has no predicate. Partitions are left to
-- their parent, whose indexes cannot be built concurrently.
SELECT c.conname AS constraint, pg_catalog.format('%I.%I', n.nspname, t.relname) AS table, c.confrelid::regclass::text AS references,
       r.rows, k.columns,
       pg_catalog.format('CREATE INDEX %sON %I.%I (%s);', CASE WHEN t.relkind = 'r' THEN 'CONCURRENTLY ' ELSE '' END,
                         n.nspname, t.relname, k.columns) AS fix
  FROM pg_catalog.pg_constraint AS c
  JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND @user_schema:n.nspname@
 CROSS JOIN LATERAL (
   SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.place) AS columns
     FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS u(attnum, place)
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = u.attnum
 ) AS k
 CROSS JOIN LATERAL (
   SELECT pg_catalog.sum(pg_catalog.pg_stat_get_live_tuples(p.relid))::bigint AS rows
     FROM (SELECT c.conrelid AS relid WHERE t.relkind = 'r'
           UNION ALL
           SELECT p.relid FROM pg_catalog.pg_partition_tree(c.conrelid) AS p WHERE t.relkind = 'p' AND p.isleaf) AS p
 ) AS r
 WHERE c.contype = 'f' AND c.conparentid = 0 AND r.rows >= @rows@
   AND NOT EXISTS (
     SELECT FROM pg_catalog.pg_index AS x
      WHERE x.indrelid = c.conrelid AND x.indisvalid AND x.indpred IS NULL
        AND (x.indkey::int2[])[0:pg_catalog.cardinality(c.conkey) - 1] @> c.conkey
        AND c.conkey @> (x.indkey::int2[])[0:pg_catalog.cardinality(c.conkey) - 1])
 ORDER BY r.rows DESC, c.oid
