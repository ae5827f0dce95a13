-- The one to keep is the primary key, the replica identity, what enforces something, then the oldest. One that belongs to a
-- constraint, or that a foreign key depends on, is not to be dropped by DROP INDEX and so is not listed.
SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) AS index, x.keeper::regclass::text AS duplicate_of,
       greatest(i.relpages, 0) * pg_catalog.current_setting('block_size')::bigint AS size_bytes,
       pg_catalog.format('DROP INDEX CONCURRENTLY %I.%I;', n.nspname, i.relname) AS fix
  FROM (
    SELECT x.indexrelid, x.indisreplident, x.uniqueness,
           pg_catalog.first_value(x.indexrelid) OVER same AS keeper, pg_catalog.first_value(x.uniqueness) OVER same AS kept_uniqueness
      FROM (
        SELECT x.indexrelid, x.indrelid, x.indisprimary, x.indisreplident, x.indnkeyatts, x.indkey::text AS keys, x.indclass::text AS classes,
               x.indcollation::text AS collations, x.indoption::text AS options,
               pg_catalog.regexp_replace(pg_catalog.concat(x.indexprs, ' where ', x.indpred), ':location -?[0-9]+', '', 'g') AS expressions,
               CASE WHEN x.indisexclusion THEN 'exclusion ' || x.indexrelid
                    WHEN x.indisunique THEN pg_catalog.concat(x.indimmediate, @since:15:x.indnullsnotdistinct:false@) END AS uniqueness
          FROM pg_catalog.pg_index AS x
         WHERE x.indisvalid AND x.indislive AND x.indrelid >= 12000
      ) AS x
    WINDOW same AS (
      PARTITION BY x.indrelid, x.indnkeyatts, x.keys, x.classes, x.collations, x.options, x.expressions
      ORDER BY x.indisprimary DESC, x.indisreplident DESC, x.uniqueness DESC NULLS LAST, x.indexrelid
    )
  ) AS x
  JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i' AND NOT i.relispartition
  JOIN pg_catalog.pg_class AS k ON k.oid = x.keeper AND k.relam = i.relam
  JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace AND @user_schema:n.nspname@
 WHERE x.keeper <> x.indexrelid AND NOT x.indisreplident AND (x.uniqueness IS NULL OR x.uniqueness = x.kept_uniqueness)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conindid = x.indexrelid)
 ORDER BY size_bytes DESC, x.indexrelid
