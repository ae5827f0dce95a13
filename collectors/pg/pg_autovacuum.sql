-- What autovacuum would decide now: relation_needs_vacanalyze in autovacuum.c, the same on 14 to 18
-- but for two things that are new in 18, autovacuum_vacuum_max_threshold and pg_class.relallfrozen.
-- A TOAST table is vacuumed on its own, by its own storage parameters if it has any and else by
-- those of its table; TOAST tables and pg_statistic (2619) are never analyzed. A temporary table is
-- left to its session. A ratio is divided by the least number that triggers, the first whole one
-- above the threshold: a table is due from 1 on, and not before. It is absent where nothing
-- triggers: autovacuum_enabled is off for the table, the insert threshold is -1, there is no
-- transaction id to freeze. SQL cannot see that multixacts are frozen earlier when the space for
-- their members runs short. The text serves both collectors: the counts stand in each row, and
-- there is always one, since the catalogs are tables too.
SELECT nspname, relname, dead_ratio, insert_ratio, analyze_ratio, freeze_ratio, multixact_freeze_ratio,
       pg_catalog.count(*) FILTER (WHERE greatest(dead_ratio, insert_ratio, freeze_ratio, multixact_freeze_ratio) >= 1) OVER () AS vacuum_due,
       pg_catalog.count(*) FILTER (WHERE analyze_ratio >= 1) OVER () AS analyze_due,
       pg_catalog.count(*) FILTER (WHERE greatest(freeze_ratio, multixact_freeze_ratio) >= 1) OVER () AS freeze_due,
       pg_catalog.count(*) FILTER (WHERE NOT enabled AND relkind <> 't') OVER (
