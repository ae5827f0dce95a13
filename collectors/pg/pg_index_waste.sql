-- Indexes that cost their writes and give little or nothing back, by reason; one index may have several:
--   invalid    no query uses it (a failed CREATE INDEX CONCURRENTLY or REINDEX leaves one); those that
--              are being built are left out, a standby cannot tell them
--   unused     valid, never scanned on this server since the statistics were reset, and not there for a
--              constraint, uniqueness or a replica identity
--   duplicate  another one has the same columns, operator classes, collations, order, expressions and
--              predicate, and enforces as much
--   prefix     its columns are the first ones of another btree's: that one serves the same queries, if larger
-- Expressions are compared as stored, less the places where they stood in their command (which 17
-- no longer stores). Nothing here waits for a locked table.
SELECT *
  FROM (
    SELECT r.reason, i.relname, i.idxname, CASE r.reason WHEN 'duplicate' THEN i.twin WHEN 'prefix' THEN i.longer END AS twin, i.bytes,
           pg_catalog.count(*) OVER reason AS indexes, pg_catalog.sum(i.bytes) OVER reason AS all_bytes,
           pg_catalog.row_number() OVER (PARTITION BY r.reason ORDER BY i.bytes DESC, i.oid) AS rank
      FROM (
        SELECT x.*,
               CASE WHEN x.place > 1 AND NOT x.identity AND (x.uniqueness IS NULL OR x.uniqueness = x.twin_uniqueness) THEN x.first END AS twin,
               CASE WHEN x.plain AND x.uniqueness IS NULL AND NOT x.identity AND x.natts = x.nkeyatts AND x.nkeyatts < x.next_nkeyatts
                     AND pg_catalog.starts_with(x.next_key, x.key || ' ') AND pg_catalog.starts_with(x.next_class, x.class || ' ')
                     AND pg_catalog.starts_with(x.next_collation, x.collation || ' ') AND pg_catalog.starts_with(x.next_option, x.option || ' ')
                 THEN x.next
               END AS longer
          FROM (
            SELECT x.*,
                   pg_catalog.row_number() OVER same AS place,
                   pg_catalog.first_value(x.idxname) OVER same AS first,
                   pg_catalog.first_value(x.uniqueness) OVER same AS twin_uniqueness,
                   pg_catalog.lead(x.idxname) OVER longer AS next,
                   pg_catalog.lead(x.nkeyatts) OVER longer AS next_nkeyatts,
                   pg_catalog.lead(x.key) OVER longer AS next_key,
                   pg_catalog.lead(x.class) OVER longer AS next_class,
                   pg_catalog.lead(x.collation) OVER longer AS next_collation,
                   pg_catalog.lead(x.option) OVER longer AS next_option
              FROM (
                SELECT i.oid, x.indrelid, i.relam, x.indisvalid AS valid, x.indisprimary AS is_primary, x.indisreplident AS identity,
                       NOT x.indisvalid AND x.indexrelid <> ALL (b.building) AS invalid,
                       x.indisvalid AND NOT (x.indisunique OR x.indisexclusion OR x.indisreplident OR i.relispartition)
                         AND pg_catalog.pg_stat_get_numscans(i.oid) = 0 AS unused,
                       x.indisvalid AND i.relam = 403 AND x.indexprs IS NULL AND x.indpred IS NULL AS plain,
                       CASE WHEN x.indisexclusion THEN 'exclusion ' || i.oid
                            WHEN x.indisunique THEN pg_catalog.concat(x.indimmediate, @since:15:x.indnullsnotdistinct:false@)
                       END AS uniqueness,
                       x.indnatts AS natts, x.indnkeyatts AS nkeyatts, x.indkey::text AS key,
                       pg_catalog.concat_ws(' ', x.indclass[0], x.indcollation[0], x.indoption[0]) AS leading,
                       x.indclass::text AS class, x.indcollation::text AS collation, x.indoption::text AS option,
                       pg_catalog.regexp_replace(pg_catalog.concat(x.indexprs, ' where ', x.indpred), ':location -?[0-9]+', '', 'g') AS expressions,
                       greatest(i.relpages, 0) * pg_catalog.current_setting('block_size')::bigint AS bytes,
                       @qualified_name:n.nspname:t.relname@ AS relname,
                       @qualified_name:n.nspname:i.relname@ AS idxname
                  FROM pg_catalog.pg_index AS x
                  JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
                  JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
                  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND @user_schema:n.nspname@
                  CROSS JOIN (
                    SELECT coalesce(pg_catalog.array_agg(index_relid), '{}') AS building
                      FROM pg_catalog.pg_stat_progress_create_index
                     WHERE datname = pg_catalog.current_database()
                  ) AS b
                 WHERE x.indislive
              ) AS x
            WINDOW same AS (
              PARTITION BY x.indrelid, x.relam, x.valid, x.nkeyatts, x.key, x.class, x.collation, x.option, x.expressions
              ORDER BY x.is_primary DESC, x.identity DESC, x.uniqueness DESC NULLS LAST, x.oid
            ), longer AS (
              PARTITION BY x.indrelid, x.plain, x.leading ORDER BY (x.key || ' ') COLLATE "C", x.class, x.collation, x.option, x.oid DESC
            )
          ) AS x
      ) AS i
      CROSS JOIN LATERAL (
        VALUES ('invalid', i.invalid), ('unused', i.unused), ('duplicate', i.valid AND i.twin IS NOT NULL),
               ('prefix', i.longer IS NOT NULL AND i.twin IS NULL)
      ) AS r (reason, holds)
     WHERE r.holds
    WINDOW reason AS (PARTITION BY r.reason)
  ) AS w
 WHERE rank <= 20
 ORDER BY rank, reason
