-- Whether somebody deploys, takes back or switches here at this moment: who does holds the lock of deployments.
--
-- Locks: none.

SELECT EXISTS (
  SELECT
  FROM pg_locks
  CROSS JOIN hashtextextended('soleflip deployment', 0) AS deployer (key)
  WHERE pg_locks.locktype = 'advisory'
    AND pg_locks.objsubid = 1
    AND pg_locks.database = (
      SELECT pg_database.oid FROM pg_database WHERE pg_database.datname = current_database()
    )
    AND ((pg_locks.classid::bigint << 32) | pg_locks.objid::bigint) = deployer.key
) AS at_work;
