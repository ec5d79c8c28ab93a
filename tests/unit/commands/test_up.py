"""What `soleflip up` refuses before it starts anything, and what ends it."""

import tempfile
from pathlib import Path

import pytest

from soleflip_assets.commands.forking import StartupError
from soleflip_assets.commands.processes import LOCK, at_work_in
from soleflip_assets.commands.up import require_short_temporary_folder
from soleflip_assets.ground.errors import ConfigurationError


def test_temporary_folder_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 65)  # noqa: S108 nothing is made there
    require_short_temporary_folder()
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 66)  # noqa: S108 nothing is made there
    with pytest.raises(ConfigurationError, match="set TMPDIR"):
        require_short_temporary_folder()


def test_home_that_is_removed_ends_it(tmp_path: Path) -> None:
    """Another one would begin there, and both would tick; or nothing of it would be left to serve."""
    with at_work_in(tmp_path, 3000) as (household, _):
        household.require_kept()
        (tmp_path / LOCK).unlink()
        with pytest.raises(StartupError, match=r"was removed while this ran: start it again"):
            household.require_kept()
