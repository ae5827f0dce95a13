-- The last time bucket that is complete: each row of the view has its executions by duration, in the order of the bounds.
WITH done AS (
  SELECT m.datname::text AS datname, m.queryid::text AS query, m.calls, m.resp_calls,
         pg_catalog.rank() OVER (ORDER BY m.bucket_start_time DESC) AS age
    FROM @extschema:pg_stat_monitor@.pg_stat_monitor AS m
   WHERE m.bucket_done
), busiest AS (
  SELECT d.datname, d.query
    FROM done AS d
   WHERE d.age = 1
   GROUP BY 1, 2
   ORDER BY pg_catalog.sum(d.calls) DESC, 1, 2
   LIMIT 32
), counted AS (
  SELECT d.datname, CASE WHEN b.datname IS NULL THEN 'other' ELSE d.query END AS query, c.at,
         pg_catalog.sum(c.calls::int8) AS calls
    FROM done AS d
    LEFT JOIN busiest AS b ON b.datname = d.datname AND b.query = d.query
   CROSS JOIN LATERAL pg_catalog.unnest(d.resp_calls) WITH ORDINALITY AS c(calls, at)
   WHERE d.age = 1
   GROUP BY 1, 2, 3
), bounds AS (
  -- {{0.000 - 1.000}, (1.000 - 2.778}, … (100000.000 - ...}} in milliseconds; the last one has no end.
  SELECT r.at, (pg_catalog.regexp_match(r.bound, '- ([0-9]+[.][0-9]+)'))[1]::float8 / 1000 AS seconds
    FROM pg_catalog.unnest(pg_catalog.string_to_array(@extschema:pg_stat_monitor@.get_histogram_timings(), ','))
         WITH ORDINALITY AS r(bound, at)
)
SELECT c.datname, c.query, coalesce(b.seconds::text, '+Inf') AS le,
       pg_catalog.sum(c.calls) OVER (PARTITION BY c.datname, c.query ORDER BY c.at) AS calls
  FROM counted AS c
  JOIN bounds AS b USING (at)
