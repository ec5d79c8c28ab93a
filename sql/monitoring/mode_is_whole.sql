-- What keeps stock_metrics_view is all there, and nothing that only another mode needs.
--
-- :mode is the one that it is in; :deploying, whether somebody deploys or switches (ledger/deployer_at_work.sql), which
-- takes two of them for a while: then this passes.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on the queue of changes for the length of the count.
-- Means: A switch of modes died or was refused half-way; changes queue up that nobody takes, or are not queued.

WITH found AS (
  SELECT
    CAST(:mode AS text) AS mode,
    to_regclass('inventory_ops.stock_metrics_read_model') IS NOT NULL AS read_model,
    (
      SELECT count(*)
      FROM pg_trigger
      WHERE pg_trigger.tgrelid = to_regclass('inventory.stock')
        AND pg_trigger.tgname LIKE 'soleflip\_queue\_%'
        AND pg_trigger.tgenabled <> 'D'
    ) AS queue_triggers,
    (SELECT count(*) FROM inventory_ops.stock_change) AS queued_changes
)
SELECT
  CAST(:deploying AS boolean)
    OR CASE
      WHEN found.mode = 'incremental' THEN found.read_model AND found.queue_triggers = 4
      ELSE NOT found.read_model AND found.queue_triggers = 0
    END AS passed,
  CASE WHEN found.mode = 'incremental' THEN 'ERROR' ELSE 'WARN' END AS severity,
  found.mode,
  found.read_model::integer AS read_models,
  found.queue_triggers,
  found.queued_changes
FROM found;
