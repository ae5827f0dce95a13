-- The sessions that are not idle: clients and their parallel workers, without the exporter's own; those that are alike are one
-- row. A session that waits for a lock has who blocks it: of several a session that does not wait for a lock itself, then the
-- lowest pid; if that one waits too, who blocks that, and so on. Pid 0 is a prepared transaction. pg_blocking_pids() locks the
-- whole lock table, so it is asked for 20 sessions at most: with more, each of the 20 stands for its share of all.
WITH RECURSIVE session AS MATERIALIZED (
  SELECT s.*, s.state IN ('active', 'fastpath function call') AND s.type NOT IN ('Activity', 'Client', 'Timeout') AS is_load,
         pg_catalog.row_number() OVER (ORDER BY s.type = 'Lock' DESC, pg_catalog.random()) AS place,
         pg_catalog.count(*) FILTER (WHERE s.type = 'Lock') OVER () AS waiting
    FROM (
      SELECT pid, datname, usename, application_name, state, query_id,
             coalesce(wait_event_type, 'Running') AS type, coalesce(wait_event, 'Running') AS event
        FROM pg_catalog.pg_stat_activity
       WHERE backend_type IN ('client backend', 'parallel worker') AND state <> 'idle'
         AND pid <> pg_catalog.pg_backend_pid()
         AND (usename IS DISTINCT FROM current_user OR application_name <> pg_catalog.current_setting('application_name'))
    ) AS s
), chain (session, blocker, depth) AS (
  SELECT s.pid, b.pid, 1
    FROM session AS s
    CROSS JOIN LATERAL (
      SELECT p.pid
        FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(s.pid)) AS p (pid)
        LEFT JOIN session AS w ON w.pid = p.pid AND w.type = 'Lock'
       ORDER BY w.pid IS NOT NULL, p.pid
       LIMIT 1
    ) AS b
   WHERE s.type = 'Lock' AND s.place <= 20
  UNION ALL
  SELECT c.session, (pg_catalog.pg_blocking_pids(c.blocker))[1], c.depth + 1
    FROM chain AS c
    JOIN session AS w ON w.pid = c.blocker AND w.type = 'Lock'
   WHERE c.depth < 10
), blocked AS MATERIALIZED (
  SELECT c.session, o.datname AS blocker_datname, b.query_id AS blocker_query_id,
         CASE WHEN c.blocker = 0 THEN 'prepared transaction' ELSE b.state END AS blocker_state
    FROM (SELECT DISTINCT ON (session) session, blocker FROM chain WHERE blocker IS NOT NULL ORDER BY session, depth DESC) AS c
    LEFT JOIN LATERAL pg_catalog.pg_stat_get_activity(c.blocker) AS b ON true
    LEFT JOIN pg_catalog.pg_database AS o ON o.oid = b.datid
)
SELECT a.datname, a.state, a.type, a.event, a.usename, a.application_name, a.query_id, a.is_load,
       b.blocker_datname, b.blocker_state, b.blocker_query_id, pg_catalog.count(*) AS sessions,
       pg_catalog.sum(CASE WHEN b.session IS NOT NULL THEN a.waiting::float8 / least(a.waiting, 20) END) AS blocked
  FROM session AS a
  LEFT JOIN blocked AS b ON b.session = a.pid
 GROUP BY a.datname, a.state, a.type, a.event, a.usename, a.application_name, a.query_id, a.is_load,
          b.blocker_datname, b.blocker_state, b.blocker_query_id
