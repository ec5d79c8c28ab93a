"""A cluster of Spark on this machine: a master and two workers, each a process of its own.

Here: starting and ending it, for the tests and the benchmark of the marts. Not here: what it is asked.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

from tests.e2e.processes import awaited, free_port

WORKERS = 2
PATIENCE_SECONDS = 300
# Beside the memory for its rows, a worker wants some for itself.
_OWN_MB = 160


def java_home() -> str | None:
    """Of Java 17, which Spark wants; where Debian has it."""
    found = [*Path("/usr/lib/jvm").glob("java-17-openjdk-*")]
    return str(found[0]) if found else os.environ.get("JAVA_HOME")


def can_run() -> bool:
    """Whether Spark and its Java are here."""
    return find_spec("pyspark") is not None and java_home() is not None


@contextmanager
def running(folder: Path, executor_mb: int) -> Iterator[str]:
    """A cluster, for the length of the block; sessions that this process opens meanwhile are set for it.

    Args:
        folder: for its settings, logs and work.
        executor_mb: memory of a worker for its rows.

    Yields:
        The master's address.
    """
    import pyspark  # noqa: PLC0415 480 MB that few have

    home = Path(pyspark.__file__).parent
    port, ui = free_port(), free_port()
    address = f"spark://127.0.0.1:{port}"
    # 200 tasks a shuffle, the default, are for more rows than these.
    (folder / "spark-defaults.conf").write_text(
        f"spark.sql.shuffle.partitions 4\nspark.executor.memory {executor_mb}m\n"
    )
    variables = {
        "JAVA_HOME": java_home() or "",
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(folder),
    }
    deploy = "org.apache.spark.deploy"
    commands = [
        [f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port),
         "--webui-port", str(ui)],
        *[[f"{deploy}.worker.Worker", address, "--cores", "1", "--memory",
           f"{executor_mb + _OWN_MB}m", "--host", "127.0.0.1", "--work-dir",
           str(folder / str(number)), "--webui-port", "0"]
          for number in range(WORKERS)],
    ]  # fmt: skip
    with ExitStack() as stack, patch.dict(os.environ, variables):
        for number, command in enumerate(commands):
            log = stack.enter_context((folder / f"{number}.log").open("wb"))
            process = subprocess.Popen(
                [home / "bin" / "spark-class", *command], stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        awaited(lambda: _workers(ui) == WORKERS, PATIENCE_SECONDS)
        yield address


def _workers(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/", timeout=5) as answer:
            found: int = json.load(answer)["aliveworkers"]
            return found
    except OSError:
        return 0
