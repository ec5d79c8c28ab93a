-- The record of what deployments made: each object, the statement that made it, by which step and version.
--
-- Locks: none that anyone could wait for: it is new.
-- Again: safe.

CREATE TABLE IF NOT EXISTS inventory_ops.made_object (
  object text PRIMARY KEY,
  statement text NOT NULL,
  step text NOT NULL,
  version text NOT NULL,
  made_by text NOT NULL DEFAULT session_user,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE inventory_ops.made_object IS
  'What deployments made and nobody took back: a deployment compares it with what is there, and drops what has no file';
