-- Gives the views that read some relations other queries, in one statement: :queries is a JSON object, by the view's name.
--
-- A view that is not named there is left alone, or keeps its query where it reads a materialized view that is made again.
--
-- Locks: ACCESS EXCLUSIVE on these views to the end of the transaction.

SELECT
  inventory_ops.detach_readers(
    ARRAY(SELECT to_regclass(name) FROM unnest(CAST(:relations AS text[])) AS name),
    CAST(:columns AS text[]),
    ARRAY(SELECT to_regclass(name) FROM jsonb_object_keys(CAST(:queries AS jsonb)) AS name)
  ),
  inventory_ops.attach_readers(CAST(:queries AS jsonb));
