-- What keeps stock_metrics_view is all there, and nothing that only another mode needs.
--
-- :mode is the one that it is in. While somebody deploys or switches, which takes two of them for a while, this passes.
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
    (SELECT count(*) FROM inventory_ops.stock_change) AS queued_changes,
    EXISTS (
      SELECT
      FROM pg_locks
      CROSS JOIN hashtextextended('soleflip deployment', 0) AS deployer (key)
      WHERE pg_locks.locktype = 'advisory'
        AND pg_locks.objsubid = 1
        AND pg_locks.database = (
          SELECT pg_database.oid FROM pg_database WHERE pg_database.datname = current_database()
        )
        AND ((pg_locks.classid::bigint << 32) | pg_locks.objid::bigint) = deployer.key
    ) AS deploying
)
SELECT
  found.deploying
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
