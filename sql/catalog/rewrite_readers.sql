-- Gives the views that read some relations other queries, in one statement: :queries is a JSON object, by the view's name.
--
-- A view that is not named there keeps its own query.
--
-- Locks: ACCESS EXCLUSIVE on these views to the end of the transaction.

SELECT
  inventory_ops.detach_readers(ARRAY(SELECT to_regclass(name) FROM unnest(CAST(:relations AS text[])) AS name), CAST(:columns AS text[])),
  inventory_ops.attach_readers(CAST(:queries AS jsonb));
