SELECT *
  FROM (
    SELECT *,
           pg_catalog.row_number() OVER (ORDER BY xid_age DESC NULLS LAST, relpages DESC, oid) AS by_xid,
           pg_catalog.row_number() OVER (ORDER BY mxid_age DESC NULLS LAST, relpages DESC, oid) AS by_mxid
      FROM (
        SELECT c.oid, n.nspname, c.relname, c.relpages,
               greatest(pg_catalog.age(nullif(c.relfrozenxid, '0')), pg_catalog.age(nullif(t.relfrozenxid, '0'))) AS xid_age,
               greatest(pg_catalog.mxid_age(nullif(c.relminmxid, '0')), pg_catalog.mxid_age(nullif(t.relminmxid, '0'))) AS mxid_age
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.reltoastrelid
         WHERE c.relkind IN ('r', 'm')
      ) AS aged
  ) AS r
 WHERE by_xid <= 10 OR by_mxid <= 10
 ORDER BY by_xid
