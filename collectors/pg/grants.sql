-- The role that pg-exporter connects as. Run it as a superuser in the database that the exporter is pointed at; it may be run again:
--
--     psql -d postgres -f grants.sql
--     psql -d postgres -c '\password monitor'
--
-- It grants pg_monitor and the right to use the schemas of the extensions that collectors read: all collectors run with that.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'monitor') THEN
    CREATE ROLE monitor;
  END IF;
END
$$;

-- The exporter opens three connections at most (--max-connections); a person may look, too.
ALTER ROLE monitor LOGIN CONNECTION LIMIT 5;
GRANT pg_monitor TO monitor;

-- Statements, where the library is loaded.
DO $$
DECLARE
  used text;
BEGIN
  IF pg_catalog.current_setting('shared_preload_libraries') ~ 'pg_stat_statements' THEN
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
  END IF;
  FOR used IN
    SELECT DISTINCT extnamespace::regnamespace::text FROM pg_catalog.pg_extension
     WHERE extname IN ('pg_stat_statements', 'pg_stat_kcache', 'pg_wait_sampling', 'pg_buffercache')
  LOOP
    EXECUTE 'GRANT USAGE ON SCHEMA ' || used || ' TO monitor';
  END LOOP;
END
$$;

-- What more privilege gives. Take away the dashes before what you want.

-- Last values of sequences and how near they are to their end (pg_seq_last_value, pg_seq_used_ratio, pg_seq_used_max_ratio), in all databases.
-- It lets the role read every table, too; GRANT SELECT ON ALL SEQUENCES IN SCHEMA … does for one schema and does not.
-- GRANT pg_read_all_data TO monitor;

-- A connection when all others are taken, if reserved_connections is set; from 16 on.
-- GRANT pg_use_reserved_connections TO monitor;

-- Replication origins (the collector pg_origin, which is off as long as it has "skip: true").
-- GRANT SELECT ON pg_catalog.pg_replication_origin_status TO monitor;
-- GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_replication_origin_status() TO monitor;
