-- What others have added to the view, or to the read model behind it, that goes with it when it is replaced or dropped.
-- relations: which of the two.
--
-- Indexes, extended statistics, options, settings of columns, triggers, rules, constraints, policies, publications. Not
-- privileges and comments, which are carried over.
--
-- Locks: none.

WITH kept AS (
  SELECT pg_class.oid, pg_class.reloptions, named.options
  FROM (
    VALUES
    ('inventory.stock_metrics_view', '{}'::text[]),
    ('inventory_ops.stock_metrics_read_model', '{fillfactor=66}')
  ) AS named (name, options)
  JOIN pg_class ON pg_class.oid = to_regclass(named.name)
  WHERE named.name = ANY (CAST(:relations AS text[]))
),
-- Each index of ours is made with the options of what it is on.
index_on AS (
  SELECT
    index.oid,
    index.relname AS name,
    index.reloptions,
    CASE
      WHEN index.relname IN ('idx_stock_metrics_view_stock_id', 'idx_stock_metrics_view_available') THEN kept.options
    END AS options,
    pg_index.indisclustered
  FROM kept
  JOIN pg_index ON pg_index.indrelid = kept.oid
  JOIN pg_class AS index ON index.oid = pg_index.indexrelid
)
SELECT 'index ' || pg_get_indexdef(index_on.oid) AS added
FROM index_on
WHERE index_on.options IS NULL
UNION ALL
SELECT format('options of index %s: %s', index_on.name, coalesce(array_to_string(index_on.reloptions, ', '), 'none'))
FROM index_on
WHERE coalesce(index_on.reloptions, '{}') <> index_on.options
UNION ALL
SELECT format('CLUSTER ON %s', index_on.name)
FROM index_on
WHERE index_on.indisclustered
UNION ALL
SELECT format('options of %s: %s', kept.oid::regclass, coalesce(array_to_string(kept.reloptions, ', '), 'none'))
FROM kept
WHERE coalesce(kept.reloptions, '{}') <> kept.options
UNION ALL
SELECT 'statistics ' || pg_get_statisticsobjdef(pg_statistic_ext.oid)
FROM kept
JOIN pg_statistic_ext ON pg_statistic_ext.stxrelid = kept.oid
UNION ALL
SELECT format('settings of column %s of %s', pg_attribute.attname, kept.oid::regclass)
FROM kept
JOIN pg_attribute ON pg_attribute.attrelid = kept.oid
WHERE pg_attribute.attnum > 0
  AND (
    pg_attribute.attstattarget >= 0
    OR pg_attribute.atthasdef
    -- A server may keep notes of its own there.
    OR array_to_string(pg_attribute.attoptions, ' ') LIKE '%n_distinct%'
  )
UNION ALL
SELECT pg_get_triggerdef(pg_trigger.oid)
FROM kept
JOIN pg_trigger ON pg_trigger.tgrelid = kept.oid AND NOT pg_trigger.tgisinternal
UNION ALL
SELECT pg_get_ruledef(pg_rewrite.oid)
FROM kept
JOIN pg_rewrite ON pg_rewrite.ev_class = kept.oid AND pg_rewrite.rulename <> '_RETURN'
UNION ALL
SELECT format('constraint %s: %s', pg_constraint.conname, pg_get_constraintdef(pg_constraint.oid))
FROM kept
JOIN pg_constraint ON pg_constraint.conrelid = kept.oid AND pg_constraint.contype <> 'n'
UNION ALL
SELECT format('policy %s on %s', pg_policy.polname, kept.oid::regclass)
FROM kept
JOIN pg_policy ON pg_policy.polrelid = kept.oid
UNION ALL
SELECT format('publication %s', pg_publication.pubname)
FROM kept
JOIN pg_publication_rel ON pg_publication_rel.prrelid = kept.oid
JOIN pg_publication ON pg_publication.oid = pg_publication_rel.prpubid
ORDER BY 1;
