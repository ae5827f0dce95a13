-- -1 means "no limit" or "not known" and has no unit. A unit may have a number, as 8kB.
SELECT COALESCE(pg_catalog.host(pg_catalog.inet_server_addr()), 'localhost') || ':' || pg_catalog.current_setting('port') AS server,
       pg_catalog.jsonb_object_agg(name, value) AS settings
  FROM (
    SELECT name,
           CASE WHEN vartype = 'bool' THEN CASE setting WHEN 'on' THEN 1 ELSE 0 END
                WHEN setting = '-1' THEN -1
                ELSE setting::numeric * CASE
                  WHEN unit IS NULL OR unit IN ('s', 'B') THEN 1
                  WHEN unit = 'ms' THEN 0.001
                  WHEN unit = 'min' THEN 60
                  WHEN unit = 'h' THEN 3600
                  WHEN unit = 'd' THEN 86400
                  ELSE pg_catalog.pg_size_bytes(CASE WHEN unit ~ '^[0-9]' THEN unit ELSE '1' || unit END)
                END
           END AS value
      FROM pg_catalog.pg_settings
     WHERE vartype IN ('bool', 'integer', 'real') AND source NOT IN ('client', 'session')
  ) AS s
