-- Which server, database and log this is, and what its snapshot sees.
--
-- A snapshot that was taken on another server, database, timeline or log means nothing on this one. On a standby
-- none means anything: pg_current_snapshot() does not name the transactions that are still under way there.
--
-- :log is the log's name, inventory_ops.stock_event.
--
-- Locks: none.

SELECT
  pg_is_in_recovery() AS is_standby,
  control.system_identifier::text AS system_identifier,
  pg_database.oid::bigint AS database_oid,
  pg_database.datname::text AS database,
  -- The first eight digits of a WAL file's name; pg_control_checkpoint() tells of a new one only after a checkpoint.
  CASE
    WHEN NOT pg_is_in_recovery()
      THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
  END AS timeline,
  to_regclass(:log)::oid::bigint AS log_oid,
  pg_current_snapshot()::text AS snapshot,
  transaction_timestamp() AS taken_at
FROM pg_control_system() AS control
CROSS JOIN pg_database
WHERE pg_database.datname = current_database();
