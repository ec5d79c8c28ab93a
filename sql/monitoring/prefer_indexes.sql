-- Until the end of the transaction, the planner reads a whole table only where there is no other way.
--
-- Locks: none.

SELECT set_config('enable_seqscan', 'off', true);
