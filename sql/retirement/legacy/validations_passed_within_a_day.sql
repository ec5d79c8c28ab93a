-- Every validation was made within the last day, and passed.
--
-- Locks: ACCESS SHARE on inventory_ops.validation.
-- Fix: Run `soleflip verify`, and mend what it finds.

WITH judged AS (
  SELECT
    expected.name,
    validation.passed,
    validation.since,
    validation.evaluated_at,
    coalesce(
      validation.passed AND validation.evaluated_at >= coalesce(CAST(:now AS timestamptz), now()) - interval '1 day',
      false
    ) AS good
  FROM unnest(CAST(:validations AS text[])) AS expected (name)
  LEFT JOIN inventory_ops.validation ON validation.name = expected.name
)
SELECT
  bool_and(judged.good) AS passed,
  min(judged.since) FILTER (WHERE NOT judged.passed) AS since,
  min(judged.evaluated_at) + interval '1 day' AS until,
  array_agg(
    CASE
      WHEN judged.evaluated_at IS NULL THEN format('%s was never made', judged.name)
      WHEN NOT judged.passed THEN format('%s fails since %s', judged.name, date_trunc('second', judged.since))
      ELSE format('%s was last made %s', judged.name, date_trunc('second', judged.evaluated_at))
    END
    ORDER BY judged.name
  ) FILTER (WHERE NOT judged.good) AS examples
FROM judged;
