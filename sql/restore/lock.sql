-- Takes the lock that keeps two restores of one database apart, for as long as this session lives.
--
-- Locks: an advisory lock of this session.

SELECT pg_try_advisory_lock(hashtext('soleflip restore'), hashtext(:database)) AS taken;
