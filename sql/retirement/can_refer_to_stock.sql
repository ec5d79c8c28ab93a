-- Whether a foreign key can refer to stock.id, as those of the legacy tables do: a key that is deferrable does not do.
--
-- Locks: none.

SELECT EXISTS (
  SELECT
  FROM pg_index
  JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attnum = pg_index.indkey[0]
  WHERE pg_index.indrelid = to_regclass('inventory.stock')
    AND pg_index.indisunique
    AND pg_index.indisvalid
    AND pg_index.indimmediate
    AND pg_index.indnkeyatts = 1
    AND pg_index.indpred IS NULL
    AND pg_attribute.attname = 'id'
) AS can_refer;
