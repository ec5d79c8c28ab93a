-- Ends the deployment in the ledger, keeps its backups in inventory_ops under its number, and forgets its baseline.
--
-- The first deployment's stock_metrics_backup becomes inventory_ops.stock_metrics_backup_1, and so on: the next
-- deployment makes backups of its own.
--
-- Locks: ACCESS EXCLUSIVE on the backups for an instant.
-- Again: safe; there is nothing left to do.

DO $$
DECLARE
  number bigint;
  kept record;
  index_name text;
BEGIN
  SELECT 1 + count(DISTINCT ledger.reverted_at) INTO number
  FROM inventory_ops.ledger
  WHERE ledger.step NOT LIKE 'history\_%';

  FOR kept IN
    SELECT backup.backup AS name, split_part(backup.backup, '.', 2) AS relation
    FROM inventory_ops.backup
    WHERE backup.backup LIKE 'inventory.%' AND to_regclass(backup.backup) IS NOT NULL
    ORDER BY backup.backup
  LOOP
    -- Index names are unique in a schema: those of the next deployment would meet these.
    FOR index_name IN
      SELECT pg_class.relname
      FROM pg_index
      JOIN pg_class ON pg_class.oid = pg_index.indexrelid
      WHERE pg_index.indrelid = kept.name::regclass
    LOOP
      EXECUTE format('ALTER INDEX inventory.%I RENAME TO %I', index_name, index_name || '_' || number);
    END LOOP;
    EXECUTE format('ALTER TABLE inventory.%I SET SCHEMA inventory_ops', kept.relation);
    EXECUTE format('ALTER TABLE inventory_ops.%I RENAME TO %I', kept.relation, kept.relation || '_' || number);
    UPDATE inventory_ops.backup
    SET backup = format('inventory_ops.%I', kept.relation || '_' || number)
    WHERE backup.backup = kept.name;
  END LOOP;

  TRUNCATE inventory_ops.stock_baseline, inventory_ops.stock_deletion;

  IF to_regclass('inventory_ops.legacy_write') IS NOT NULL THEN
    TRUNCATE inventory_ops.legacy_write;
  END IF;

  UPDATE inventory_ops.ledger
  SET reverted_at = now()
  WHERE ledger.reverted_at IS NULL
    -- The log goes on, with what makes its months.
    AND ledger.step NOT LIKE 'history\_%'
    AND ledger.step NOT LIKE 'months\_%';
END
$$;
