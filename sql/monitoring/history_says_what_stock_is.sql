-- The last version of each row in the log is what the row is.
--
-- Asset: history/stock_event
-- Locks: ACCESS SHARE on stock and the log for the length of the query.
-- Means: Somebody wrote to stock with its triggers switched off, or to the log: its history has a hole. It begins anew
--        from what is there with `soleflip history remove`, then `soleflip history install`.

SELECT
  differences.missing + differences.wrong + differences.phantom = 0 AS passed,
  'WARN' AS severity,
  differences.compared,
  differences.missing,
  differences.wrong,
  differences.phantom,
  differences.examples
FROM inventory_ops.log_differences() AS differences;
