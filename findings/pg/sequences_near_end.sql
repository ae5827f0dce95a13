-- A sequence is read with SELECT or USAGE on it only, which pg_monitor has not: explain names the GRANT. The columns that it
-- fills are those that own it and those whose default takes from it; of several, the narrowest.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS sequence, s.last_value, s.end_value, s.used AS share,
       o.rel::regclass::text AS table, o.attname AS column,
       pg_catalog.format('ALTER SEQUENCE %I.%I AS bigint NO MAXVALUE;', n.nspname, c.relname)
         || CASE WHEN o.type_max IS NULL THEN ''
                 ELSE pg_catalog.format(E'\n-- rewrites the table\nALTER TABLE %1$s ALTER COLUMN %2$I TYPE bigint;\nANALYZE %1$s;', o.rel::regclass, o.attname) END AS fix
  FROM pg_catalog.pg_sequence AS q
  JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND @user_schema:n.nspname@
  LEFT JOIN LATERAL (
    SELECT d.rel, a.attname,
           CASE coalesce(nullif(y.typbasetype, 0), y.oid)
             WHEN 'pg_catalog.int2'::regtype THEN 32767 WHEN 'pg_catalog.int4'::regtype THEN 2147483647 END::bigint AS type_max
      FROM (
        SELECT d.refobjid AS rel, d.refobjsubid AS attnum
          FROM pg_catalog.pg_depend AS d
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = q.seqrelid
           AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
        UNION
        SELECT f.adrelid, f.adnum
          FROM pg_catalog.pg_depend AS d
          JOIN pg_catalog.pg_attrdef AS f ON f.oid = d.objid
         WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = q.seqrelid AND d.classid = 'pg_catalog.pg_attrdef'::regclass
      ) AS d
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.rel AND a.attnum = d.attnum
      JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
     ORDER BY type_max NULLS LAST LIMIT 1
  ) AS o ON true
 CROSS JOIN LATERAL (
   SELECT r.last_value, r.end_value, (r.last_value - q.seqmin::float8) / nullif(r.end_value - q.seqmin::float8, 0) AS used
     FROM (SELECT CASE WHEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE') THEN pg_catalog.pg_sequence_last_value(c.oid) END AS last_value,
                  least(q.seqmax, o.type_max) AS end_value) AS r
 ) AS s
 WHERE q.seqincrement > 0 AND NOT q.seqcycle AND s.used >= @share@
 ORDER BY s.used DESC, c.oid
