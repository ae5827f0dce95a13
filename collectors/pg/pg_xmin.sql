SELECT *
  FROM (
    (SELECT DISTINCT ON (datname)
            'backend' AS holder, datname, NULL::text AS name,
            greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid)) AS age,
            pg_catalog.clock_timestamp() - xact_start AS since
       FROM pg_catalog.pg_stat_activity
      WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
        AND NOT (backend_type = 'walsender' AND datid IS NULL)
        AND (usename = SESSION_USER AND application_name = pg_catalog.current_setting('application_name')) IS NOT TRUE
        AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
      ORDER BY datname, age DESC, since DESC)
    UNION ALL
    SELECT 'standby', NULL, application_name, pg_catalog.max(pg_catalog.age(backend_xmin)), NULL
      FROM pg_catalog.pg_stat_replication
     WHERE backend_xmin IS NOT NULL
     GROUP BY application_name
    UNION ALL
    SELECT h.holder, s.database, s.slot_name, pg_catalog.age(h.xmin), NULL
      FROM pg_catalog.pg_replication_slots AS s
      CROSS JOIN LATERAL (VALUES ('slot', s.xmin), ('slot catalog', s.catalog_xmin)) AS h (holder, xmin)
     WHERE h.xmin IS NOT NULL
    UNION ALL
    SELECT 'prepared', database, NULL, pg_catalog.max(pg_catalog.age(transaction)),
           pg_catalog.max(pg_catalog.clock_timestamp() - prepared)
      FROM pg_catalog.pg_prepared_xacts
     GROUP BY database
  ) AS h
 ORDER BY age DESC
 LIMIT 200
