SELECT s.state, f.files, f.bytes
  FROM (VALUES ('kept'), ('recovery'), ('spare'), ('other')) AS s (state)
  LEFT JOIN (
    SELECT CASE
             WHEN f.name !~ '^[0-9A-F]{24}$' THEN 'other'
             WHEN f.segment < p.redo THEN 'kept'
             WHEN f.segment <= p.here THEN 'recovery'
             ELSE 'spare'
           END AS state, pg_catalog.count(*) AS files, pg_catalog.sum(f.size) AS bytes
      FROM (SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS bytes) AS segment
      CROSS JOIN LATERAL (
        SELECT pg_catalog.trunc((c.redo_lsn - '0/0') / segment.bytes) AS redo,
               pg_catalog.trunc((CASE WHEN pg_catalog.pg_is_in_recovery()
                                   THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                                   ELSE pg_catalog.pg_current_wal_lsn()
                                 END - '0/0') / segment.bytes) AS here
          FROM pg_catalog.pg_control_checkpoint() AS c
      ) AS p
      CROSS JOIN LATERAL (
        SELECT name, size,
               CASE WHEN name ~ '^[0-9A-F]{24}$'
                 THEN ('x' || pg_catalog.substr(name, 9, 8))::bit(32)::bigint * (4294967296 / segment.bytes)
                      + ('x' || pg_catalog.substr(name, 17, 8))::bit(32)::bigint
               END AS segment
          FROM pg_catalog.pg_ls_waldir()
      ) AS f
     GROUP BY 1
  ) AS f ON f.state = s.state
