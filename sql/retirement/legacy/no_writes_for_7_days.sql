-- No application has written to the legacy tables for 7 days, the synchronisation apart.
--
-- Locks: ACCESS SHARE on the ledger and on inventory_ops.legacy_write.
-- Fix: Stop or update the applications listed; they are looked for since the time given.

WITH looked AS (
  SELECT min(ledger.finished_at) AS since
  FROM inventory_ops.ledger
  WHERE ledger.step = '55_legacy_writes' AND ledger.reverted_at IS NULL
),
writer AS (
  SELECT
    legacy_write.source,
    legacy_write.written_by,
    legacy_write.application,
    max(legacy_write.written_at) AS last_written
  FROM inventory_ops.legacy_write
  GROUP BY legacy_write.source, legacy_write.written_by, legacy_write.application
),
quiet AS (
  SELECT
    greatest((SELECT looked.since FROM looked), max(writer.last_written)) AS since,
    array_agg(
      format('%s by %s (%s) at %s', writer.source, writer.written_by, writer.application,
        date_trunc('second', writer.last_written))
      ORDER BY writer.last_written DESC
    ) AS writers
  FROM writer
)
SELECT
  coalesce(quiet.since + interval '7 days' <= coalesce(CAST(:now AS timestamptz), now()), false) AS passed,
  quiet.since,
  quiet.since + interval '7 days' AS until,
  quiet.writers[1:20] AS examples
FROM quiet;
