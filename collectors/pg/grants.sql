-- The role that pg-exporter connects as. Run it as a superuser in the database that the exporter is pointed at; it may be run again:
--
--     psql -d postgres -f grants.sql
--     psql -d postgres -c '\password monitor'
--
-- It grants pg_monitor, the right to use the schemas of the extensions that collectors read, and to see the size of a file: all
-- collectors run with that.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'monitor') THEN
    CREATE ROLE monitor;
  END IF;
END
$$;

-- The exporter keeps at most 16 connections, hung logins and sessions that it has given up included. It reads this limit, and
-- leaves two of it: for a restarted exporter, until the server has ended the sessions of the one before, and for a person.
ALTER ROLE monitor LOGIN CONNECTION LIMIT 18;
GRANT pg_monitor TO monitor;

-- The exporter's statements leave no trace. This holds for new connections.
--
-- They are not counted by pg_stat_statements, whichever kind they are of: each has an entry in each database, and users'
-- statements would be thrown out to make room for them. This may be set before the library is loaded.
ALTER ROLE monitor SET pg_stat_statements.track = 'none';
-- They are not written to the server's log. The exporter itself tells which of its queries are slow. If an audit needs a
-- record of every statement, take out log_statement and reset it: ALTER ROLE monitor RESET log_statement. Errors are still
-- logged with the statement that caused them (log_min_error_statement), and so are temporary files (log_temp_files).
ALTER ROLE monitor SET log_statement = 'none';
ALTER ROLE monitor SET log_duration = off;
ALTER ROLE monitor SET log_min_duration_statement = -1;
ALTER ROLE monitor SET log_min_duration_sample = -1;
ALTER ROLE monitor SET log_transaction_sample_rate = 0;
ALTER ROLE monitor SET log_statement_stats = off;
ALTER ROLE monitor SET log_parser_stats = off;
ALTER ROLE monitor SET log_planner_stats = off;
ALTER ROLE monitor SET log_executor_stats = off;
-- Other extensions, where their library is loaded: run this file again when you have added one.
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT s.name, silent.value
      FROM (VALUES ('pg_stat_kcache.track', 'none'), ('pg_stat_monitor.pgsm_track', 'none'), ('pg_store_plans.track', 'none'),
                   ('pg_qualstats.enabled', 'off'), ('auto_explain.log_min_duration', '-1')) silent(name, value)
      JOIN pg_catalog.pg_settings s USING (name)
  LOOP
    EXECUTE pg_catalog.format('ALTER ROLE monitor SET %s = %L', found.name, found.value);
  END LOOP;
END
$$;

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

-- The size of the file with the texts of statements: they are read only while it is small (pg_query_info). This tells the
-- size and times of files in the data directory, not what is in them.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO monitor;

-- What more privilege gives. Take away the dashes before what you want.

-- Last values of sequences and how near they are to their end (pg_seq_last_value, pg_seq_used_ratio, pg_seq_used_max_ratio), in all databases.
-- It lets the role read every table, too; GRANT SELECT ON ALL SEQUENCES IN SCHEMA … does for one schema and does not.
-- GRANT pg_read_all_data TO monitor;

-- A connection when all others are taken, if reserved_connections is set; from 16 on.
-- GRANT pg_use_reserved_connections TO monitor;

-- Replication origins (the collector pg_origin, which is off as long as it has "skip: true").
-- GRANT SELECT ON pg_catalog.pg_replication_origin_status TO monitor;
-- GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_replication_origin_status() TO monitor;
