-- Empties the database that psql is connected to, so that its copy can be loaded: drops what belongs to the site's
-- user. Extensions and what belongs to them stay; the copy takes those that are there already.
SET client_min_messages = warning;
DO $$
DECLARE
  wish text;
BEGIN
  FOREACH wish IN ARRAY ARRAY(
    WITH kept AS (SELECT objid FROM pg_depend WHERE deptype = 'e'),
    rooms AS (
      SELECT oid, nspname, nspowner FROM pg_namespace
      WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%' AND oid NOT IN (SELECT objid FROM kept)
    ),
    wishes AS (
      SELECT 1 AS rank, format('DROP %s IF EXISTS %I.%I CASCADE', CASE relkind
          WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
          WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, nspname, relname) AS wish,
        relkind = 'S' AS late
      FROM pg_class c JOIN rooms ON rooms.oid = relnamespace
      WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND pg_has_role(relowner, 'USAGE')
        AND c.oid NOT IN (SELECT objid FROM kept)
      UNION ALL
      SELECT 2, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure), false
      FROM pg_proc p JOIN rooms ON rooms.oid = pronamespace
      WHERE pg_has_role(proowner, 'USAGE') AND p.oid NOT IN (SELECT objid FROM kept)
      UNION ALL
      SELECT 3, format('DROP TYPE IF EXISTS %I.%I CASCADE', nspname, typname), false
      FROM pg_type t JOIN rooms ON rooms.oid = typnamespace
      WHERE typtype IN ('d', 'e', 'r') AND pg_has_role(typowner, 'USAGE') AND t.oid NOT IN (SELECT objid FROM kept)
      UNION ALL
      SELECT 4, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname), false
      FROM rooms WHERE nspname <> 'public' AND pg_has_role(nspowner, 'USAGE')
    )
    SELECT wishes.wish FROM wishes ORDER BY rank, late
  )
  LOOP
    EXECUTE wish;
  END LOOP;
END
$$;
