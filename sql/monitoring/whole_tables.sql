-- Until the end of the transaction, what compares whole tables may use memory and more than one core.
--
-- A million rows with their JSON fit into a hash join of 128 MB, times hash_mem_multiplier and processes. The planner
-- expects a comparison to find differences everywhere, and so many rows too dear to pass on from one process to the
-- other; it finds next to none. Compiling an expression took longer than evaluating it.
--
-- Locks: none.

SELECT
  set_config('work_mem', '128MB', true),
  set_config('parallel_tuple_cost', '0', true),
  set_config('jit', 'off', true);
