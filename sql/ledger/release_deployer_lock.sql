-- No longer be the only deployer.
--
-- A session that is closed gives its locks back only once the server has noticed, which whoever deploys next may not.
--
-- Locks: gives back the one of sql/ledger/try_deployer_lock.sql.

SELECT pg_advisory_unlock(hashtextextended('soleflip deployment', 0)) AS released;
