"""Processes that are forked from one that has loaded what they share."""

import subprocess
import sys
from pathlib import Path


def test_what_the_whole_group_is_sent_ends_neither_the_server_nor_what_it_forked(
    tmp_path: Path,
) -> None:
    """A terminal, `timeout` and systemd send it to all; only `soleflip up` is to act on it.

    A fork server that it ended, too, said 255 of each process, and left a traceback while it loaded.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.commands.whole_group", tmp_path / "log"],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("-15\n", "")
