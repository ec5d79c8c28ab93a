"""Ends what `soleflip up` has started when that was killed: a process that sleeps until then.

``python -m soleflip_assets.commands.warden LOCK PID DATA``: its standard input is a pipe that only `soleflip
up` holds open, so that the end of that process is the end of the pipe, on Linux and macOS alike. Nothing is
imported before, so that it costs little. After an orderly end there is nothing left to do.
"""

import sys
from pathlib import Path


def main(lock: str, pid: str, data: str) -> None:
    """Wait, then end what is left.

    Args:
        lock: the lock file, which says what was started.
        pid: of `soleflip up`; what another one has written there since is not ours to end.
        data: of the embedded server; empty if there is none.
    """
    sys.stdin.buffer.read()

    from soleflip_assets.commands.processes import end_what_is_left, read  # noqa: PLC0415 see above
    from soleflip_assets.embedded.postgres import PostgresServer  # noqa: PLC0415

    written = read(Path(lock))
    if written.get("pid") == int(pid):
        # Not itself.
        written["children"] = [child for child in written["children"] if child["name"] != "warden"]
        end_what_is_left(written)
    if data:
        PostgresServer(Path(data)).stop_if_unused()


if __name__ == "__main__":
    main(*sys.argv[1:])
