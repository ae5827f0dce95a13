-- What autovacuum would decide now: relation_needs_vacanalyze in autovacuum.c, the same on 14 to 18
-- but for two things that are new in 18, autovacuum_vacuum_max_threshold and pg_class.relallfrozen.
-- A TOAST table is vacuumed on its own, by its own storage parameters if it has any and else by
-- those of its table; TOAST tables and pg_statistic (2619) are never analyzed. A temporary table is
-- left to its session. A ratio is divided by the least number that triggers, the first whole one
-- above the threshold: a table is due from 1 on, and not before. It is absent where nothing
-- triggers: autovacuum_enabled is off for the table, the insert threshold is -1, there is no
-- transaction id to freeze. SQL cannot see that multixacts are frozen earlier when the space for
-- their members runs short. The counts stand in each row, and there is always one, since the
-- catalogs are tables too. OFFSET 0 keeps what is computed once, the
-- thresholds of a set of storage parameters and the ratios of a table, from being computed at each use.
WITH stored AS MATERIALIZED (
  SELECT reltoastrelid, reloptions FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm', 't') AND reloptions IS NOT NULL
)
SELECT (SELECT n.nspname FROM pg_catalog.pg_namespace AS n WHERE n.oid = relnamespace) AS nspname, relname,
       dead_ratio, insert_ratio, analyze_ratio, freeze_ratio, multixact_freeze_ratio,
       pg_catalog.count(*) FILTER (WHERE greatest(dead_ratio, insert_ratio, freeze_ratio, multixact_freeze_ratio) >= 1) OVER () AS vacuum_due,
       pg_catalog.count(*) FILTER (WHERE analyze_ratio >= 1) OVER () AS analyze_due,
       pg_catalog.count(*) FILTER (WHERE greatest(freeze_ratio, multixact_freeze_ratio) >= 1) OVER () AS freeze_due,
       pg_catalog.count(*) FILTER (WHERE NOT enabled AND relkind <> 't') OVER () AS disabled
  FROM (
    SELECT c.oid, c.relnamespace, c.relname, c.relkind, enabled,
           CASE WHEN enabled
             THEN pg_catalog.pg_stat_get_dead_tuples(c.oid) / (pg_catalog.floor(least(base + scale * live, most)) + 1)
           END AS dead_ratio,
           CASE WHEN enabled
             THEN pg_catalog.pg_stat_get_ins_since_vacuum(c.oid) / (pg_catalog.floor(insert_base + insert_scale * live * unfrozen) + 1)
           END AS insert_ratio,
           CASE WHEN enabled AND c.relkind <> 't' AND c.oid <> 2619
             THEN pg_catalog.pg_stat_get_mod_since_analyze(c.oid) / (pg_catalog.floor(analyze_base + analyze_scale * live) + 1)
           END AS analyze_ratio,
           pg_catalog.age(nullif(c.relfrozenxid, '0')) / (freeze_age + 1) AS freeze_ratio,
           pg_catalog.mxid_age(nullif(c.relminmxid, '0')) / (mxid_freeze_age + 1) AS multixact_freeze_ratio
      FROM (
        SELECT parameters,
               coalesce((o ->> 'autovacuum_enabled')::boolean, true) AS enabled,
               (o ->> 'autovacuum_vacuum_threshold')::real AS base,
               (o ->> 'autovacuum_vacuum_scale_factor')::real AS scale,
               nullif((o ->> 'autovacuum_vacuum_max_threshold')::real, -1) AS most,
               nullif((o ->> 'autovacuum_vacuum_insert_threshold')::real, -1) AS insert_base,
               (o ->> 'autovacuum_vacuum_insert_scale_factor')::real AS insert_scale,
               (o ->> 'autovacuum_analyze_threshold')::real AS analyze_base,
               (o ->> 'autovacuum_analyze_scale_factor')::real AS analyze_scale,
               least((o ->> 'autovacuum_freeze_max_age')::double precision, freeze_max_age) AS freeze_age,
               least((o ->> 'autovacuum_multixact_freeze_max_age')::double precision, mxid_freeze_max_age) AS mxid_freeze_age
          FROM (
            SELECT pg_catalog.jsonb_object_agg(name, pg_catalog.current_setting(name, true)) AS settings,
                   pg_catalog.current_setting('autovacuum_freeze_max_age')::integer AS freeze_max_age,
                   pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::integer AS mxid_freeze_max_age
              FROM (
                VALUES ('autovacuum_vacuum_threshold'), ('autovacuum_vacuum_scale_factor'), ('autovacuum_vacuum_max_threshold'),
                       ('autovacuum_vacuum_insert_threshold'), ('autovacuum_vacuum_insert_scale_factor'),
                       ('autovacuum_analyze_threshold'), ('autovacuum_analyze_scale_factor'),
                       ('autovacuum_freeze_max_age'), ('autovacuum_multixact_freeze_max_age')
              ) AS v (name)
          ) AS server
          CROSS JOIN (SELECT '{}'::text[] AS parameters UNION SELECT reloptions FROM stored) AS sets
          CROSS JOIN LATERAL (
            SELECT settings || coalesce(pg_catalog.jsonb_object_agg(option_name, option_value), '{}') AS o
              FROM pg_catalog.pg_options_to_table(parameters)
          ) AS merged
        OFFSET 0
      ) AS p
      CROSS JOIN (
        SELECT oid, relnamespace, relname, relkind, relfrozenxid, relminmxid, reloptions,
               greatest(reltuples, 0) AS live,
               1 - least(@since:18:relallfrozen:0@, relpages)::real / greatest(relpages, 1) AS unfrozen
          FROM pg_catalog.pg_class
         WHERE relkind IN ('r', 'm', 't') AND relpersistence <> 't'
      ) AS c
      LEFT JOIN stored AS owner ON owner.reltoastrelid = c.oid
     WHERE p.parameters = coalesce(c.reloptions, owner.reloptions, '{}')
    OFFSET 0
  ) AS r
 ORDER BY greatest(dead_ratio, insert_ratio, analyze_ratio, freeze_ratio, multixact_freeze_ratio) DESC NULLS LAST, oid
 LIMIT 20
