-- Who waits for a lock and for whom, from one reading of pg_locks: the sums of each database, the 20 sessions that
-- have waited longest, each in a row of its database, and how full the lock table is. pg_blocking_pids() would lock
-- the whole lock table once for each session that waits.
WITH RECURSIVE conflict (mode, conflicts) AS (VALUES
  ('AccessShareLock', ARRAY['AccessExclusiveLock']),
  ('RowShareLock', ARRAY['ExclusiveLock', 'AccessExclusiveLock']),
  ('RowExclusiveLock', ARRAY['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
  ('ShareUpdateExclusiveLock',
   ARRAY['ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
  ('ShareLock',
   ARRAY['RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
  ('ShareRowExclusiveLock',
   ARRAY['RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']),
  ('ExclusiveLock',
   ARRAY['RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
         'AccessExclusiveLock']),
  ('AccessExclusiveLock',
   ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
         'ExclusiveLock', 'AccessExclusiveLock'])
), activity AS MATERIALIZED (
  SELECT pid, datid, query_id, CASE WHEN backend_type = 'parallel worker' THEN leader_pid END AS leader
    FROM pg_catalog.pg_stat_activity
), lock AS MATERIALIZED (
  SELECT pg_catalog.concat_ws('/', locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid) AS object,
         coalesce(a.leader, l.pid, - pg_catalog.split_part(virtualtransaction, '/', 2)::bigint) AS session,
         a.datid, locktype, mode, granted, waitstart,
         NOT fastpath AND mode <> 'SIReadLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() AS in_lock_table
    FROM pg_catalog.pg_locks AS l
    LEFT JOIN activity AS a ON a.pid = l.pid
), waiting AS MATERIALIZED (
  SELECT *, pg_catalog.row_number() OVER (PARTITION BY object ORDER BY waitstart NULLS LAST, session) AS place
    FROM lock
    JOIN conflict USING (mode)
   WHERE NOT granted
), blocked AS MATERIALIZED (
  SELECT w.datid, w.session, l.session AS blocker
    FROM waiting AS w
    JOIN lock AS l ON l.object = w.object AND l.granted AND l.mode = ANY (w.conflicts) AND l.session <> w.session
  UNION
  SELECT w.datid, w.session, before.session
    FROM waiting AS w
    CROSS JOIN LATERAL (
      SELECT q.session
        FROM waiting AS q
       WHERE q.object = w.object AND q.place < w.place AND q.mode = ANY (w.conflicts) AND q.session <> w.session
       ORDER BY q.place DESC
       LIMIT 1
    ) AS before
), chain (session, depth) AS (
  SELECT session, 1
    FROM blocked
   GROUP BY session
  HAVING pg_catalog.bool_and(blocker NOT IN (SELECT session FROM waiting))
  UNION
  SELECT b.session, c.depth + 1
    FROM chain AS c
    JOIN blocked AS b ON b.blocker = c.session
   WHERE c.depth < 100
), first_blocker AS (
  SELECT session,
         coalesce(pg_catalog.min(blocker) FILTER (WHERE blocker NOT IN (SELECT session FROM waiting)), pg_catalog.min(blocker)) AS blocker
    FROM blocked
   GROUP BY session
), longest AS (
  SELECT w.datid, w.session AS pid, CASE WHEN b.blocker < 0 THEN 0 ELSE b.blocker END AS blocked_by, w.locktype, w.mode, a.query_id, w.waitstart
    FROM (SELECT DISTINCT ON (session) * FROM waiting WHERE datid <> 0 ORDER BY session, waitstart) AS w
    LEFT JOIN activity AS a ON a.pid = w.session
    LEFT JOIN first_blocker AS b ON b.session = w.session
   ORDER BY w.waitstart, w.session
   LIMIT 20
)
SELECT d.datname, w.sessions, w.since, w.roots, w.depth, t.entries,
       l.pid, l.blocked_by, l.locktype, l.mode, l.query_id, l.waitstart
  FROM pg_catalog.pg_database AS d
  LEFT JOIN (
    SELECT w.datid, w.sessions, w.since, b.roots, b.depth
      FROM (
        SELECT datid, pg_catalog.count(DISTINCT session) AS sessions, pg_catalog.min(waitstart) AS since FROM waiting GROUP BY datid
      ) AS w
      LEFT JOIN (
        SELECT b.datid, pg_catalog.max(coalesce(c.depth, 1)) AS depth,
               pg_catalog.count(DISTINCT blocker) FILTER (WHERE blocker NOT IN (SELECT session FROM waiting)) AS roots
          FROM blocked AS b
          LEFT JOIN chain AS c ON c.session = b.session
         GROUP BY b.datid
      ) AS b ON b.datid = w.datid
  ) AS w ON w.datid = d.oid
  LEFT JOIN longest AS l ON l.datid = d.oid
  CROSS JOIN (SELECT pg_catalog.count(*) AS entries FROM (SELECT FROM lock WHERE in_lock_table GROUP BY object) AS o) AS t
 WHERE d.datallowconn AND NOT d.datistemplate
