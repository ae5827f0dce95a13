-- Indexes that cost their writes and give little or nothing back, by reason; one index may have several:
--   invalid    no query uses it (a failed CREATE INDEX CONCURRENTLY or REINDEX leaves one); those that
--              are being built, rebuilt or dropped are left out. A standby does not see who does that:
--              it counts none
--   unused     valid, never scanned on this server since the statistics were reset, and not there for a
--              constraint, uniqueness or a replica identity
--   duplicate  another one has the same columns, operator classes, collations, order, expressions and
--              predicate, and enforces as much
--   prefix     its columns are the first ones of another btree's: that one serves the same queries, if larger
-- Only valid indexes that have their table and their first column in common are compared. Expressions
-- are compared as stored, less the places where they stood in their command (which 17 no longer
-- stores). Names are looked up last, for few rows. The sums stand in each row, and there is one
-- without a wasteful index. Nothing here waits for a locked table.
WITH x AS MATERIALIZED (
  SELECT x.indexrelid, x.indrelid, x.indkey[0] AS first_column, x.indisvalid, i.relam, i.relpages,
         NOT (x.indisunique OR x.indisexclusion OR x.indisreplident OR i.relispartition) AS for_queries
    FROM pg_catalog.pg_index AS x
    JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
    JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace AND @user_schema:n.nspname@
   WHERE x.indislive AND x.indrelid >= 12000
), waste AS MATERIALIZED (
  SELECT reason, indexrelid, indrelid, other,
         greatest(relpages, 0) * (SELECT pg_catalog.current_setting('block_size')::bigint) AS bytes
    FROM (
      SELECT CASE WHEN indisvalid THEN 'unused' ELSE 'invalid' END AS reason, indexrelid, indrelid, relpages, NULL::oid AS other
        FROM x
       WHERE indisvalid AND for_queries AND pg_catalog.pg_stat_get_numscans(indexrelid) = 0
          OR NOT indisvalid AND NOT (SELECT pg_catalog.pg_is_in_recovery())
             AND indexrelid <> ALL (ARRAY(
               SELECT index_relid FROM pg_catalog.pg_stat_progress_create_index WHERE datname = pg_catalog.current_database()))
             -- A concurrent build reports the index a moment after it can be seen.
             AND indrelid <> ALL (ARRAY(
               SELECT relid FROM pg_catalog.pg_stat_progress_create_index
                WHERE datname = pg_catalog.current_database() AND index_relid = 0 AND command = 'CREATE INDEX CONCURRENTLY'))
             -- REINDEX and DROP INDEX CONCURRENTLY lock each index from beginning to end: the new one and the old one.
             AND indexrelid <> ALL (ARRAY(
               SELECT l.relation FROM pg_catalog.pg_locks AS l
                WHERE l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                  AND l.locktype = 'relation' AND l.granted AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')))
      UNION ALL
      SELECT CASE WHEN twin IS NULL THEN 'prefix' ELSE 'duplicate' END, indexrelid, indrelid, relpages, coalesce(twin, longer)
        FROM (
          SELECT indexrelid, indrelid, relpages,
                 CASE WHEN place > 1 AND NOT indisreplident AND (uniqueness IS NULL OR uniqueness = twin_uniqueness) THEN first END AS twin,
                 CASE WHEN plain AND uniqueness IS NULL AND NOT indisreplident AND indnatts = indnkeyatts AND indnkeyatts < next_nkeyatts
                       AND pg_catalog.starts_with(next_keys, keys || ' ') AND pg_catalog.starts_with(next_classes, classes || ' ')
                       AND pg_catalog.starts_with(next_collations, collations || ' ') AND pg_catalog.starts_with(next_options, options || ' ')
                   THEN next
                 END AS longer
            FROM (
              SELECT *,
                     pg_catalog.row_number() OVER same AS place,
                     pg_catalog.first_value(indexrelid) OVER same AS first,
                     pg_catalog.first_value(uniqueness) OVER same AS twin_uniqueness,
                     pg_catalog.lead(indexrelid) OVER longer AS next,
                     pg_catalog.lead(indnkeyatts) OVER longer AS next_nkeyatts,
                     pg_catalog.lead(keys) OVER longer AS next_keys,
                     pg_catalog.lead(classes) OVER longer AS next_classes,
                     pg_catalog.lead(collations) OVER longer AS next_collations,
                     pg_catalog.lead(options) OVER longer AS next_options
                FROM (
                  SELECT d.indexrelid, d.indrelid, d.indnatts, d.indnkeyatts, d.indisprimary, d.indisreplident, x.relpages,
                         x.relam = 403 AND d.indexprs IS NULL AND d.indpred IS NULL AS plain,
                         CASE WHEN d.indisexclusion THEN 'exclusion ' || d.indexrelid
                              WHEN d.indisunique THEN pg_catalog.concat(d.indimmediate, @since:15:d.indnullsnotdistinct:false@)
                         END AS uniqueness,
                         d.indkey::text AS keys, d.indclass::text AS classes, d.indcollation::text AS collations, d.indoption::text AS options,
                         pg_catalog.concat_ws(' ', d.indclass[0], d.indcollation[0], d.indoption[0]) AS first_key,
                         pg_catalog.regexp_replace(pg_catalog.concat(d.indexprs, ' where ', d.indpred), ':location -?[0-9]+', '', 'g') AS expressions
                    FROM (SELECT indrelid, first_column FROM x WHERE indisvalid GROUP BY 1, 2 HAVING pg_catalog.count(*) > 1) AS alike
                    JOIN x ON x.indrelid = alike.indrelid AND x.first_column = alike.first_column AND x.indisvalid
                    JOIN pg_catalog.pg_index AS d ON d.indexrelid = x.indexrelid
                ) AS x
              WINDOW same AS (
                PARTITION BY indrelid, indnkeyatts, keys, classes, collations, options, expressions
                ORDER BY indisprimary DESC, indisreplident DESC, uniqueness DESC NULLS LAST, indexrelid
              ), longer AS (
                PARTITION BY indrelid, plain, first_key ORDER BY (keys || ' ') COLLATE "C", classes, collations, options, indexrelid DESC
              )
            ) AS x
        ) AS x
       WHERE coalesce(twin, longer) IS NOT NULL
    ) AS r
), sums AS (
  SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.count(*) FILTER (WHERE reason = 'invalid') END AS invalid,
         pg_catalog.count(*) FILTER (WHERE reason = 'unused') AS unused,
         pg_catalog.count(*) FILTER (WHERE reason = 'duplicate') AS duplicate,
         pg_catalog.count(*) FILTER (WHERE reason = 'prefix') AS prefix,
         CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN coalesce(pg_catalog.sum(bytes) FILTER (WHERE reason = 'invalid'), 0) END AS invalid_bytes,
         coalesce(pg_catalog.sum(bytes) FILTER (WHERE reason = 'unused'), 0) AS unused_bytes,
         coalesce(pg_catalog.sum(bytes) FILTER (WHERE reason = 'duplicate'), 0) AS duplicate_bytes,
         coalesce(pg_catalog.sum(bytes) FILTER (WHERE reason = 'prefix'), 0) AS prefix_bytes
    FROM waste
)
SELECT sums.*, w.reason, w.bytes,
       @qualified_name:n.nspname:t.relname@ AS relname,
       @qualified_name:n.nspname:i.relname@ AS idxname,
       @qualified_name:n.nspname:o.relname@ AS twin
  FROM sums
  LEFT JOIN (
    SELECT *, pg_catalog.row_number() OVER (PARTITION BY reason ORDER BY bytes DESC, indexrelid) AS rank FROM waste
  ) AS w ON w.rank <= 20
  LEFT JOIN pg_catalog.pg_class AS i ON i.oid = w.indexrelid
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
  LEFT JOIN pg_catalog.pg_class AS t ON t.oid = w.indrelid
  LEFT JOIN pg_catalog.pg_class AS o ON o.oid = w.other
 ORDER BY w.rank, w.reason
