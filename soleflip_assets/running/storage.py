"""Dagster's own storage, whose connections end, too: the class that dagster.yaml names.

psycopg2 waits for an answer for as long as the connection stands. Behind a proxy that has forgotten it that
is for ever, and so long waits the tick, the daemon or the run that asked. Here: the limits of our own
sessions, and an end to that wait. Not here: what Dagster stores.
"""

import select
from typing import Any

import psycopg2
from dagster_postgres import DagsterPostgresStorage
from psycopg2 import extensions
from sqlalchemy import make_url

from soleflip_assets.ground.deadlines import CONNECT, CONNECTION_PARAMETERS, STORAGE_ANSWER

_ESTABLISHED = {extensions.STATUS_READY, extensions.STATUS_BEGIN, extensions.STATUS_PREPARED}
_AWAITED = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


class BoundedStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL; once it is made, no wait of psycopg2 in this process is endless."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "BoundedStorage":
        """As Dagster's own, with limits where the URL says nothing."""
        extensions.set_wait_callback(wait)
        return cls(with_limits(config_value["postgres_url"]), inst_data=inst_data)


def with_limits(url: str) -> str:
    """A URL with the limits that it leaves open, and the driver that Dagster's storage is made for.

    SQLAlchemy 2.1 takes a bare ``postgresql://`` for psycopg 3, on which that fails at NOTIFY.
    """
    named = make_url(url)
    limited = {**CONNECTION_PARAMETERS, **named.query}
    return named.set(drivername="postgresql+psycopg2", query=limited).render_as_string(
        hide_password=False
    )


def wait(connection: Any) -> None:
    """Wait for a server as psycopg2 does, but not for ever.

    Raises:
        psycopg2.OperationalError: it was silent for too long. psycopg2 closes the connection then.
    """
    while (state := connection.poll()) != extensions.POLL_OK:
        deadline = STORAGE_ANSWER if connection.status in _ESTABLISHED else CONNECT
        poll = select.poll()
        poll.register(connection.fileno(), _AWAITED[state])
        if not poll.poll(deadline.seconds * 1000):
            raise psycopg2.OperationalError(
                f"Dagster's storage was silent for {deadline.seconds} s, so the connection was given up: is "
                "the server overloaded, or a proxy or firewall in between?"
            )
