-- No newer version of this code has deployed here.
--
-- Effect: stops
-- Locks: none.
-- Fix: Update this code to that version or a newer one: this one would put older objects in place of newer ones.

SELECT
  CAST(:newer AS text) IS NULL AS passed,
  CASE
    WHEN CAST(:newer AS text) IS NOT NULL
      THEN ARRAY[format('version %s has deployed here, and this is version %s', CAST(:newer AS text), CAST(:present AS text))]
  END AS examples;
