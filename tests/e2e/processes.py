"""`soleflip up` as a process of its own, and which processes belong to a state folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
from sqlalchemy.engine import URL

from soleflip_assets.commands.processes import LOCK, read
from soleflip_assets.embedded.postgres import PostgresServer

Value = TypeVar("Value")

SOLEFLIP = Path(sys.executable).with_name("soleflip")

# What the machine's user may have set must not reach a test.
_OURS = ("SOLEFLIP_", "DAGSTER_", "PORT", "PYTHONUNBUFFERED")


class Up:
    """A running `soleflip up`.

    Args:
        home: its SOLEFLIP_HOME.
        command: what is started, if not this environment's `soleflip up`.
        folder: where it is started, if not here.
        variables: of its environment, besides that and PORT.
    """

    def __init__(
        self,
        home: Path,
        *,
        command: Sequence[str | Path] = (SOLEFLIP, "up"),
        folder: Path | None = None,
        **variables: str,
    ) -> None:
        self.home = home
        self.lines: list[str] = []
        self.port = free_port()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(SOLEFLIP_HOME=str(home), PORT=str(self.port), **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def await_line(self, wanted: Callable[[str], bool]) -> str:
        """Read on until a line of the output is wanted."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if wanted(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError(f"soleflip up ended: {self.lines}")

    def await_url(self) -> str:
        """The URL that it prints once all is up."""
        return self.await_line(lambda line: line.startswith("http"))

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        """What the UI's own interface answers."""
        return graphql(self.port, query, **variables)

    @property
    def database_url(self) -> URL:
        """The embedded shop."""
        return PostgresServer(self.home / "postgres").url("soleflip")

    def child(self, name: str) -> psutil.Process:
        """One that it has started, by the name under which it is written down."""
        children = read(self.home / LOCK)["children"]
        (number,) = (child["pid"] for child in children if child["name"] == name)
        return psutil.Process(number)

    def stop(self, number: int) -> int:
        """Send a signal and read its output to the end, which comes when no process holds it any more.

        Returns:
            The exit code.
        """
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        self.lines += rest.splitlines()
        return self.process.returncode

    def end(self) -> None:
        """Stop it unless it has ended; for the end of a test, whatever came of it."""
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)


def graphql(port: int, query: str, **variables: object) -> dict[str, Any]:
    """What the interface of a webserver on this machine answers."""
    return graphql_as("", port, query, **variables)


def graphql_as(login: str, port: int, query: str, **variables: object) -> dict[str, Any]:
    """The same through a proxy that asks who it is.

    Args:
        login: name and password, with a colon between.
        port: the proxy's.
        query: of GraphQL.
        variables: of the query.

    Raises:
        urllib.error.HTTPError: the proxy refuses.
    """
    headers = {"Content-Type": "application/json"}
    if login:
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers=headers,
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 our own address
        answer = json.load(response)
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment with only the given variables of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return inherited | variables


def processes_of(home: Path) -> list[str]:
    """The processes that work for a state folder: commands, Dagster's, PostgreSQL's and its backends."""
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
            if process.environ().get("SOLEFLIP_HOME") == str(home) or any(
                str(home) in argument for argument in arguments
            ):
                for member in [process, *process.children(recursive=True)]:
                    found[member.pid] = " ".join(member.cmdline())
        except psutil.Error:  # gone meanwhile, or somebody else's
            continue
    return [f"{pid} {arguments}" for pid, arguments in found.items()]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def awaited(
    condition: Callable[[], Value | None], seconds: float = 60, pause: float = 0.2
) -> Value:
    """What the condition gives once it gives something true.

    Args:
        condition: asked over and over.
        seconds: after which it is too late.
        pause: between two questions, in seconds; longer for one that costs others much to answer.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(pause)
    return value
