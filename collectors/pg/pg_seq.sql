-- Reading a sequence keeps a lock on it until the query ends: so many are read as take an eighth of
-- what is free in the server's lock table, 1000 at most. Those go first that seem nearest to their
-- end without being read: by the rows of the tables that they fill, which a standby knows too, and
-- by how often they were fetched. The look-ups are lateral, since a join over catalogs that were
-- never analyzed may take minutes. Reading waits for whoever alters or locks a sequence (ALTER
-- SEQUENCE takes ShareRowExclusive): such a one is not read. It needs SELECT or USAGE, which
-- pg_monitor has not: GRANT pg_read_all_data TO the role, or SELECT on the sequences that matter.
-- The file of an unlogged sequence is not on a standby. The sums stand in each row, and there is one
-- without a sequence.
SELECT r.*,
       pg_catalog.max(r.used) OVER () AS max_used,
       pg_catalog.count(r.oid) OVER () AS sequences,
       pg_catalog.count(*) FILTER (WHERE NOT r.readable) OVER () AS unreadable
  FROM (SELECT) AS always
  LEFT JOIN (
    SELECT r.*,
           CASE WHEN NOT r.endless THEN pg_catalog.abs(r.last_value - r.first_value::float8) / nullif(r.span, 0) END AS used
      FROM (
        SELECT c.*,
               CASE WHEN c.readable AND c.rank <= b.readings AND NOT c.oid = ANY (b.locked)
                     AND (c.relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery())
                 THEN pg_catalog.pg_sequence_last_value(c.oid)
               END AS last_value
          FROM (
            SELECT s.*, pg_catalog.abs(s.end_value - s.first_value::float8) AS span,
                   pg_catalog.row_number() OVER (
                     ORDER BY s.readable DESC,
                              greatest(s.fetched, s.rows) * pg_catalog.abs(s.increment) / nullif(pg_catalog.abs(s.end_value - s.first_value::float8), 0) DESC NULLS LAST,
                              s.oid
                   ) AS rank
              FROM (
                SELECT c.oid, c.relpersistence,
                       @qualified_name:n.nspname:c.relname@ AS name,
                       coalesce(pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE'), false) AS readable,
                       pg_catalog.pg_stat_get_blocks_fetched(c.oid) AS fetched,
                       pg_catalog.pg_stat_get_blocks_hit(c.oid) AS hit,
                       u.rows,
                       q.seqincrement AS increment,
                       CASE WHEN q.seqincrement > 0 THEN q.seqmin ELSE q.seqmax END AS first_value,
                       CASE WHEN q.seqincrement > 0 THEN least(q.seqmax, u.type_max) ELSE greatest(q.seqmin, -1 - u.type_max) END AS end_value,
                       q.seqcycle AND coalesce(q.seqmax <= u.type_max AND q.seqmin >= -1 - u.type_max, true) AS endless
                  FROM pg_catalog.pg_sequence AS q
                  JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
                  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                  CROSS JOIN LATERAL (
                    SELECT pg_catalog.min(CASE coalesce(nullif(y.typbasetype, 0), y.oid)
                                            WHEN 'pg_catalog.int2'::regtype THEN 32767 WHEN 'pg_catalog.int4'::regtype THEN 2147483647
                                          END::bigint) AS type_max,
                           pg_catalog.sum(greatest(t.reltuples, 0)) AS rows
                      FROM (
                        -- Columns that own the sequence, and columns whose default takes from it.
                        SELECT d.refobjid AS rel, d.refobjsubid AS attnum
                          FROM pg_catalog.pg_depend AS d
                         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = q.seqrelid
                           AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
                        UNION
                        SELECT f.adrelid, f.adnum
                          FROM pg_catalog.pg_depend AS d
                          JOIN pg_catalog.pg_attrdef AS f ON f.oid = d.objid
                         WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = q.seqrelid
                           AND d.classid = 'pg_catalog.pg_attrdef'::regclass
                      ) AS d
                      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.rel AND a.attnum = d.attnum
                      JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
                      JOIN pg_catalog.pg_class AS t ON t.oid = d.rel
                  ) AS u
                 WHERE @user_schema:n.nspname@
              ) AS s
          ) AS c
          CROSS JOIN (
            SELECT least(1000, (pg_catalog.current_setting('max_locks_per_transaction')::bigint
                                  * (pg_catalog.current_setting('max_connections')::bigint + pg_catalog.current_setting('max_prepared_transactions')::bigint)
                                  - pg_catalog.count(*)) / 8) AS readings,
                   coalesce(pg_catalog.array_agg(l.relation) FILTER (
                     WHERE l.locktype = 'relation'
                       AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
                   ), '{}') AS locked
              FROM pg_catalog.pg_locks AS l
          ) AS b
      ) AS r
  ) AS r ON true
 ORDER BY r.rank
