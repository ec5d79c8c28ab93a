-- Where the shop's own triggers find what they name by halves, when it is the shop that writes.
--
-- Locks: none.

SELECT set_config('search_path', '"$user", public, inventory', true);
