-- As in pg_publication_tables: with publish_via_partition_root a partitioned table stands for its
-- partitions, without it they stand for it. Since 16 that view and its function wait for locked
-- tables: the count is made from the catalogs.
SELECT p.pubname, pg_catalog.count(DISTINCT t.rel) AS count
  FROM pg_catalog.pg_publication AS p
  LEFT JOIN (
    -- Tables that are published themselves or by a table above them.
    SELECT m.pub, t.rel, t.relkind, pg_catalog.bool_or(m.rel <> t.rel) AS inherited
      FROM (
        SELECT a.oid AS pub, c.oid AS rel
          FROM pg_catalog.pg_publication AS a CROSS JOIN pg_catalog.pg_class AS c
         WHERE a.puballtables AND c.relkind IN ('r', 'p')
        UNION ALL
        SELECT prpubid, prrelid FROM pg_catalog.pg_publication_rel
        UNION ALL
        SELECT s.pnpubid, c.oid FROM pg_catalog.pg_publication_namespace AS s JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.pnnspid
      ) AS m
      JOIN (
        SELECT oid AS rel, relkind, oid AS above FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p')
        UNION ALL
        SELECT c.oid, c.relkind, a.relid
          FROM pg_catalog.pg_class AS c CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(c.oid) AS a (relid)
         WHERE c.relispartition AND c.relkind IN ('r', 'p') AND a.relid <> c.oid
      ) AS t ON t.above = m.rel
     WHERE pg_catalog.pg_relation_is_publishable(t.rel)
     GROUP BY m.pub, t.rel, t.relkind
  ) AS t ON t.pub = p.oid AND CASE WHEN p.pubviaroot THEN NOT t.inherited ELSE t.relkind = 'r' END
 GROUP BY p.pubname
