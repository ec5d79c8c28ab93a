"""The refresh scheduled in the database itself, by the extension pg_cron, instead of by Dagster.

Which of the two refreshes is what pg_cron's own table of jobs says, and nothing else: who ends its job there
gives the refresh back to the hourly schedule. Should both refresh once while that changes, the second waits
for the first (the function's advisory lock) and does the same again, which costs time and harms nothing.
Here: scheduling, ending, and looking. Not here: what the schedule does about it, which is jobs.py's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError, OperationalError

from soleflip_assets.ground.database import query_file, query_one, run_file, run_statement
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine

SCHEDULE = "0 * * * *"
_NAME = "refresh-stock-metrics"


def job(engine: Engine) -> RowMapping | None:
    """pg_cron's active job that refreshes the metrics, with how its last run ended; None if there is none.

    Args:
        engine: SoleFlip's database; pg_cron shows only the jobs of its user.
    """
    with _autocommit(engine) as connection:
        server = query_one(connection, "pg_cron/server.sql")
    if not (server["available"] and server["reachable"]):
        return None
    try:
        with _jobs(engine, server) as connection:
            if not query_one(connection, "pg_cron/exists.sql")["jobs_here"]:
                return None
            return _active(connection, server)
    except OperationalError:
        # The server has just answered: pg_hba.conf keeps this user out of there, who thus has no job there.
        return None


def install(engine: Engine) -> str:
    """Let pg_cron refresh the metrics every hour, unless it does already.

    Args:
        engine: SoleFlip's database, with the user that pg_cron is to refresh as.

    Returns:
        The job's name.

    Raises:
        ConfigurationError: Phase 2 is not deployed, or pg_cron is not installed, not loaded or not permitted.
    """
    with _autocommit(engine) as connection:
        server = query_one(connection, "pg_cron/server.sql")
        _require_usable(server)
    with _permitted(server), _jobs(engine, server) as connection:
        if not query_one(connection, "pg_cron/exists.sql")["jobs_here"]:
            run_file(connection, "pg_cron/extension.sql")
        if found := _active(connection, server):
            return str(found["name"] or found["id"])
        # One that somebody paused would stay paused.
        run_statement(connection, "pg_cron/unschedule.sql", database=server["database"])
        return _schedule(connection, server)


def remove(engine: Engine) -> list[str]:
    """Give the refresh back to the hourly schedule.

    Args:
        engine: SoleFlip's database, with the user that the job was scheduled by.

    Returns:
        The names of the jobs that were ended.
    """
    with _autocommit(engine) as connection:
        server = query_one(connection, "pg_cron/server.sql")
    if not server["reachable"]:
        return []
    with _permitted(server), _jobs(engine, server) as connection:
        if not query_one(connection, "pg_cron/exists.sql")["jobs_here"]:
            return []
        ended = query_file(connection, "pg_cron/unschedule.sql", database=server["database"])
        return [str(row["name"]) for row in ended]


def _active(connection: Connection, server: RowMapping) -> RowMapping | None:
    jobs = query_file(connection, "pg_cron/jobs.sql", database=server["database"])
    return next(iter(jobs), None)


def _schedule(connection: Connection, server: RowMapping) -> str:
    if server["database"] == server["jobs_database"]:
        run_statement(connection, "pg_cron/schedule.sql", name=_NAME, schedule=SCHEDULE)
        return _NAME
    # There, another database of this server may have such a job, too.
    name = f"{_NAME} of {server['database']}"
    run_statement(
        connection,
        "pg_cron/schedule_in_database.sql",
        name=name,
        schedule=SCHEDULE,
        database=server["database"],
    )
    return name


def _require_usable(server: RowMapping) -> None:
    if not server["callable"]:
        raise ConfigurationError("There is no view to refresh yet: deploy with `soleflip deploy`.")
    if not server["available"]:
        raise ConfigurationError(
            f"The server has no pg_cron: install its package (postgresql-{server['major_version']}-cron on "
            "Debian) there, or leave the refresh to the hourly schedule."
        )
    if server["loaded"] is False:
        raise ConfigurationError(
            "The server has pg_cron and does not load it: add pg_cron to shared_preload_libraries, set "
            f"cron.database_name = '{server['database']}', and restart the server."
        )


@contextmanager
def _permitted(server: RowMapping) -> Iterator[None]:
    """What this user may not do is one sentence that says who grants it."""
    try:
        yield
    except OperationalError as error:
        raise ConfigurationError(
            f"{server['user_name']} cannot connect to the database {server['jobs_database']}, which keeps "
            "pg_cron's jobs: let it in there (GRANT CONNECT, pg_hba.conf), and do this again."
        ) from error
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        user, elsewhere = server["user_name"], server["database"] != server["jobs_database"]
        grants = [f'GRANT USAGE ON SCHEMA cron TO "{user}"']
        if elsewhere:
            grants.append(f'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cron TO "{user}"')
        if elsewhere and server["loaded"] is None:
            grants.append(f'GRANT pg_read_all_settings TO "{user}"')
        raise ConfigurationError(
            f"{user} may not use pg_cron: let a superuser execute, in the database that cron.database_name "
            f"names, CREATE EXTENSION IF NOT EXISTS pg_cron; {'; '.join(grants)}; and do this again."
        ) from None


@contextmanager
def _jobs(engine: Engine, server: RowMapping) -> Iterator[Connection]:
    """The database that keeps pg_cron's jobs."""
    url = engine.url.set(database=server["jobs_database"])
    # pg_cron shows each user his own jobs by row security, which is no error there.
    with _autocommit(create_database_engine(url, row_security="on")) as connection:
        yield connection


@contextmanager
def _autocommit(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")
