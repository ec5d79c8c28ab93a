-- What each idempotency key was first used for, so that a retry is answered instead of reserved twice.
--
-- Locks: none that anyone could wait for: everything here is new.
-- Again: safe; nothing that exists is touched.

CREATE TABLE IF NOT EXISTS inventory_ops.reservation_key (
  idempotency_key text PRIMARY KEY,
  request jsonb NOT NULL,
  reservation_ids uuid[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE inventory_ops.reservation_key IS
  'Written by the application in the transaction that reserves: the arguments of the request and its reservations';
