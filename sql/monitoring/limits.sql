-- What the statements of this transaction wait for a lock, and take, at most; and how soon they end without their client.
--
-- Locks: none. Until the end of the transaction: on a pooled connection nothing stays behind for others.

SELECT
  set_config('lock_timeout', :lock_timeout, true),
  set_config('statement_timeout', :statement_timeout, true),
  set_config('client_connection_check_interval', :client_check, true);
