WITH aged AS MATERIALIZED (
  SELECT c.oid, c.relnamespace, c.relname, c.relpages,
         greatest(pg_catalog.age(nullif(c.relfrozenxid, '0')), pg_catalog.age(nullif(t.relfrozenxid, '0'))) AS xid_age,
         greatest(pg_catalog.mxid_age(nullif(c.relminmxid, '0')), pg_catalog.mxid_age(nullif(t.relminmxid, '0'))) AS mxid_age
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.reltoastrelid AND t.relkind = 't'
   WHERE c.relkind IN ('r', 'm')
)
SELECT n.nspname, o.relname, o.xid_age, o.mxid_age
  FROM (
    (SELECT * FROM aged ORDER BY xid_age DESC NULLS LAST, relpages DESC, oid LIMIT 10)
    UNION
    (SELECT * FROM aged ORDER BY mxid_age DESC NULLS LAST, relpages DESC, oid LIMIT 10)
  ) AS o
  JOIN pg_catalog.pg_namespace AS n ON n.oid = o.relnamespace
