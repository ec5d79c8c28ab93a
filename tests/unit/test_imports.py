"""What a process that stays does not load: a module is memory for as long as it runs, and time at its start.

Import-linter knows rooms, not when something is imported. Here: what would cost most. `soleflip health` is
commands/test_help.py's.
"""

import subprocess
import sys

import pytest

# Each needed by a run of some job only, which loads it.
WORK = (
    *("pyarrow", "numpy", "pandas", "duckdb", "pyiceberg", "pyspark"),  # the warehouse
    *("pygal", "jinja2"),  # the marts
    *("apprise", "requests"),  # what is sent
)


@pytest.mark.parametrize(
    ("process", "never"),
    [
        ("from soleflip_assets.definitions import defs", WORK),
        (
            "import soleflip_assets.commands.start",
            (*WORK, "dagster", "grpc", "sqlalchemy.ext.asyncio"),
        ),
        ("import soleflip_assets.commands.warden", (*WORK, "dagster", "sqlalchemy", "psycopg")),
    ],
    ids=["code server", "soleflip up", "warden"],
)
def test_process_is_small(process: str, never: tuple[str, ...]) -> None:
    script = f"{process}\nimport sys\nprint([name for name in {never} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_what_processes_are_forked_from_has_no_thread_and_nothing_open() -> None:
    """Threads are not there after a fork, and what is open is there twice."""
    script = """
import psutil
before = psutil.Process().num_fds()
import soleflip_assets.commands.loaded
import threading
print(threading.active_count(), psutil.Process().num_threads(), psutil.Process().num_fds() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["1", "1", "0"]
