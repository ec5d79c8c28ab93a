-- Give the session the settings that our statements rely on, and say whether the session is ours alone.
--
-- A server tells each client the number of the process that serves it. A pooler tells a number of its own: then
-- the settings are for this transaction only, so that nothing of ours outlives us on a connection that is shared.
-- What this server does not know yet (transaction_timeout before PostgreSQL 17) is left out.
--
-- Schema-qualified to the last operator: until it has run, the search_path is anybody's.
--
-- Locks: none.

SELECT
  session.pid,
  session.direct,
  (
    SELECT pg_catalog.count(
      pg_catalog.set_config(setting.key, setting.value, NOT (session.direct OR CAST(:own AS pg_catalog.bool)))
    )
    FROM pg_catalog.jsonb_each_text(CAST(:settings AS pg_catalog.jsonb)) AS setting
    WHERE pg_catalog.current_setting(setting.key, true) IS NOT NULL
  ) AS settings
FROM (
  SELECT
    pg_catalog.pg_backend_pid() AS pid,
    pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) CAST(:announced_pid AS pg_catalog.int4) AS direct
) AS session;
