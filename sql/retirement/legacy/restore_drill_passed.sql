-- The dump that was taken before Phase 2 has been restored in a drill since.
--
-- Locks: ACCESS SHARE on the ledger.
-- Fix: Run the job restore_drill.

WITH dump AS (
  SELECT ledger.finished_at, ledger.details ->> 'sha256' AS sha256
  FROM inventory_ops.ledger
  WHERE ledger.step = 'database_dump' AND ledger.finished_at IS NOT NULL AND ledger.reverted_at IS NULL
  ORDER BY ledger.id DESC
  LIMIT 1
),
drill AS (
  SELECT max(ledger.finished_at) AS at
  FROM inventory_ops.ledger
  JOIN dump ON dump.sha256 = ledger.details ->> 'sha256' AND ledger.started_at > dump.finished_at
  WHERE ledger.step = 'restore_drill' AND ledger.finished_at IS NOT NULL AND ledger.reverted_at IS NULL
)
SELECT
  drill.at IS NOT NULL AS passed,
  coalesce(drill.at, (SELECT dump.finished_at FROM dump)) AS since,
  CASE
    WHEN NOT EXISTS (SELECT FROM dump) THEN ARRAY['the ledger knows of no dump']
    WHEN drill.at IS NULL THEN ARRAY['no drill since the dump']
  END AS examples
FROM drill;
