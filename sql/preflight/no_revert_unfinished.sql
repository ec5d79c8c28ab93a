-- No revert was begun and not finished.
--
-- Effect: stops
-- Locks: none.
-- Fix: Finish it with `soleflip revert`; then deploy again.

SELECT
  CAST(:revert_started_at AS timestamptz) IS NULL AS passed,
  CAST(:revert_started_at AS timestamptz) AS revert_started_at;
