-- Phase 2 has been deployed for 30 days.
--
-- Locks: none.
-- Fix: Wait until then; nothing is gained by dropping them earlier.

SELECT
  coalesce(kept.until <= coalesce(CAST(:now AS timestamptz), now()), false) AS passed,
  kept.since,
  kept.until
FROM (
  SELECT
    CAST(:deployed_at AS timestamptz) AS since,
    CAST(:deployed_at AS timestamptz) + interval '30 days' AS until
) AS kept;
