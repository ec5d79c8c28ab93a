"""Debian's pgbouncer in front of a database."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import URL

from tests.conftest import open_folder, program
from tests.e2e.processes import awaited, free_port


@contextmanager
def pooler(url: URL, mode: str, **settings: str) -> Iterator[URL]:
    """A pooler, for the length of the block.

    Args:
        url: the database, on a socket.
        mode: ``transaction`` or ``session``.
        settings: of pgbouncer.

    Yields:
        The database through it.
    """
    port = free_port()
    pooled = URL.create(
        "postgresql", url.username, host="127.0.0.1", port=port, database=url.database
    )
    with open_folder() as folder:
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            **settings,
        }
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n* = host={url.query['host']} user={url.username}\n[pgbouncer]\n"
            + "\n".join(f"{name} = {value}" for name, value in lines.items())
        )
        process = subprocess.Popen(
            [program("/usr/sbin/pgbouncer", "pgbouncer"), "--quiet", str(configuration)],
            # It refuses to run as root.
            user="postgres" if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            awaited(lambda: _answers(pooled))
            yield pooled
        finally:
            process.terminate()
            process.wait()


def _answers(url: URL) -> bool:
    try:
        psycopg.connect(url.render_as_string(hide_password=False)).close()
    except psycopg.OperationalError:
        return False
    return True
