-- Reading a sequence keeps a lock on it until the query ends: so many are read as take an eighth of
-- what is free in the server's lock table, 1000 at most. Those go first that seem nearest to their
-- end without being read: by the rows of the tables that they fill, which a standby knows too, and
-- by how often they were fetched. The look-ups are lateral, since a join over catalogs that were
-- never analyzed may take minutes. Reading waits for whoever alters or locks a sequence (ALTER
-- SEQUENCE takes ShareRowExclusive): such a one is not read. It needs SELECT or USAGE, which
-- pg_monitor has not: GRANT pg_read_all_data TO the role, or SELECT on the sequences that matter.
-- The file of an unlogged sequence is not on a standby.
SELECT r.*,
       CASE WHEN r.endless THEN NULL
            ELSE pg_catalog.abs(r.last_value - r.first_value::float8) / nullif(r.span, 0)
       END AS used
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

