"""Processes that are forked from one that has loaded what they share."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

SCRIPT = [sys.executable, "-m", "tests.integration.commands.whole_group"]


def test_what_the_whole_group_is_sent_ends_neither_the_server_nor_what_it_forked(
    tmp_path: Path,
) -> None:
    """A terminal, `timeout` and systemd send it to all; only `soleflip up` is to act on it.

    A fork server that it ended, too, said 255 of each process, and left a traceback while it loaded.
    """
    done = subprocess.run(
        [*SCRIPT, tmp_path / "log"],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("-15\n", "")


def test_output_ends_with_its_process_whatever_that_has_left(tmp_path: Path) -> None:
    """Else whoever reads it waits for as long as a process that nobody ends."""
    with subprocess.Popen(
        [*SCRIPT, tmp_path / "log", "left"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        left = psutil.Process(int(process.stdout.readline()))
        process.kill()
        try:
            rest, _ = process.communicate(timeout=10)
            assert rest == ""
            assert left.is_running()
        finally:
            left.kill()


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("unseen", "The process that webserver, daemon and code server are forked from was killed"),
        ("slow", "What all processes share was not loaded after 1 s: see "),
    ],
)
def test_fork_server_that_is_killed_or_never_ready_is_named(
    tmp_path: Path, case: str, told: str
) -> None:
    """What was forked lives on then, unseen, and is ended with the rest."""
    done = subprocess.run(
        [*SCRIPT, tmp_path / "log", case], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    said, *rest = done.stdout.splitlines()
    assert said.startswith(told)
    assert rest == (["False"] if case == "unseen" else [])
