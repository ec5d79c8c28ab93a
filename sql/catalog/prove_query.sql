-- Whether a view may be given another query: what stands in the way, and how many rows would differ at this moment.
--
-- Locks: ACCESS SHARE on what the two queries read, for their length.

SELECT proof.obstacle, proof.rows, proof.only_now, proof.only_then
FROM inventory_ops.prove_query(
  CAST(:reader AS regclass),
  :present,
  :proposed,
  ARRAY(SELECT to_regclass(name) FROM unnest(CAST(:relations AS text[])) AS name),
  CAST(:columns AS text[])
) AS proof;
