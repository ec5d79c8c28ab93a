-- Whether a refresh that recorded what it saw has begun since a moment.
--
-- Locks: ACCESS SHARE on inventory_ops.metrics_refresh.

SELECT EXISTS (
  SELECT
  FROM inventory_ops.metrics_refresh AS refresh
  WHERE refresh.started_at >= CAST(:since AS timestamptz)
) AS refreshed;
