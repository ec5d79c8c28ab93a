-- Every constraint, index and trigger of the tables that a dump holds, in words that survive a restore.
--
-- Expressions are left out: PostgreSQL prints one that it has read back from its own dump in other words, for
-- instance x IN ('a', 'b') on a varchar. Constraints that say NOT NULL have names from PostgreSQL 18 on only.
--
-- Locks: none.

WITH guard AS (
  SELECT
    pg_constraint.conrelid AS relation,
    format(
      'constraint %I %s%s',
      pg_constraint.conname,
      CASE WHEN pg_constraint.contype = 'c' THEN 'CHECK' ELSE pg_get_constraintdef(pg_constraint.oid) END,
      CASE WHEN pg_constraint.convalidated THEN '' ELSE ' (not valid)' END
    ) AS description
  FROM pg_constraint
  WHERE pg_constraint.contype <> 'n' AND pg_constraint.conrelid <> 0
  UNION ALL
  SELECT
    pg_index.indrelid,
    format(
      '%sindex %I %s (%s)%s%s',
      CASE WHEN pg_index.indisunique THEN 'unique ' END,
      pg_class.relname,
      pg_am.amname,
      (
        SELECT string_agg(pg_attribute.attname, ', ' ORDER BY pg_attribute.attnum)
        FROM pg_attribute
        WHERE pg_attribute.attrelid = pg_index.indexrelid
      ),
      CASE WHEN pg_index.indpred IS NOT NULL THEN ' partial' END,
      CASE WHEN NOT pg_index.indisvalid THEN ' (invalid)' END
    )
  FROM pg_index
  JOIN pg_class ON pg_class.oid = pg_index.indexrelid
  JOIN pg_am ON pg_am.oid = pg_class.relam
  UNION ALL
  SELECT
    pg_trigger.tgrelid,
    format('trigger %I %s %s %s', pg_trigger.tgname, pg_trigger.tgfoid::regproc, pg_trigger.tgtype, pg_trigger.tgenabled)
  FROM pg_trigger
  WHERE NOT pg_trigger.tgisinternal
)
SELECT format('%I.%I: %s', pg_namespace.nspname, pg_class.relname, guard.description) AS guard
FROM guard
JOIN pg_class ON pg_class.oid = guard.relation
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_class.relkind IN ('r', 'p', 'm')
  AND pg_class.relpersistence <> 't'
  AND pg_namespace.nspname !~ '^pg_'
  AND pg_namespace.nspname <> 'information_schema'
ORDER BY 1;
