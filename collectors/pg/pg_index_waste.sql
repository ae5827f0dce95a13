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
           pg_catalog.row_number() OVER (PARTITION BY r.reason ORDER BY i.bytes DESC, i.oid
